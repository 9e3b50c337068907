import { Cut } from "../../../net/cut.ts";
import { NetError, netError, type NetErrorKind } from "../../../net/error.ts";

/** Messages between two threads, either of which may ask; all can be cloned. */
export type Letter<Question> =
  | { readonly type: "question"; readonly id: number; readonly question: Question }
  /** The asking thread no longer needs the answer. */
  | { readonly type: "called-off"; readonly id: number }
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "refusal"; readonly id: number; readonly kind: NetErrorKind; readonly message: string };

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Sends a letter; `memory` is transferred with it, which is much cheaper than a copy. */
export type SendLetter<Question> = (letter: Letter<Question>, memory: ArrayBuffer[]) => void;

/** Returns the answer or a promise of it; `unwanted` fires when the answer is no longer needed. */
export type Answer<Question> = (question: Question, unwanted: Cut) => unknown;

/** One end of the questions and answers between two threads. */
export class Exchange<Asked, Answered extends { readonly type: string }> {
  readonly #send: SendLetter<Asked>;
  readonly #answer: Answer<Answered>;
  readonly #open = new Map<number, Waiting>();
  /** Questions of the other thread that are being answered. */
  readonly #underWay = new Map<number, Cut>();
  #lastId = 0;
  readonly #unclaimed: (value: unknown) => void;

  /** An error of `answer` becomes the refusal; `unclaimed` gets answers to questions that were called off too late. */
  constructor(send: SendLetter<Asked>, answer: Answer<Answered>, unclaimed: (value: unknown) => void = () => {}) {
    this.#send = send;
    this.#answer = answer;
    this.#unclaimed = unclaimed;
  }

  /** Rejects with NetError; with "aborted" once `cut` fires, which calls the question off. */
  ask(question: Asked, memory: ArrayBuffer[] = [], cut?: Cut): Promise<unknown> {
    const aborted = () => new NetError("aborted", "Cannot ask: called off");
    if (cut?.made) return Promise.reject(aborted());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#send({ type: "question", id, question }, memory);
      const release = cut?.on(() => {
        this.#open.delete(id);
        this.#send({ type: "called-off", id }, []);
        reject(aborted());
      });
      this.#open.set(id, {
        resolve: (value) => {
          release?.();
          resolve(value);
        },
        reject: (error) => {
          release?.();
          reject(error);
        },
      });
    });
  }

  take(letter: Letter<Answered>): void {
    if (letter.type === "question") return void this.#reply(letter.id, letter.question);
    if (letter.type === "called-off") return this.#underWay.get(letter.id)?.make();
    const waiting = this.#open.get(letter.id);
    this.#open.delete(letter.id);
    if (letter.type === "answer") waiting ? waiting.resolve(letter.value) : this.#unclaimed(letter.value);
    else waiting?.reject(new NetError(letter.kind, letter.message));
  }

  /** The other thread is gone: rejects open questions, and stops work on its own questions. */
  abandon(): void {
    for (const { reject } of this.#open.values()) reject(new NetError("closed", "Cannot ask: the thread has ended"));
    this.#open.clear();
    for (const unwanted of this.#underWay.values()) unwanted.make();
  }

  async #reply(id: number, question: Answered): Promise<void> {
    const unwanted = new Cut();
    this.#underWay.set(id, unwanted);
    try {
      const value = await this.#answer(question, unwanted);
      if (!unwanted.made) this.#send({ type: "answer", id, value }, value instanceof ArrayBuffer ? [value] : []);
    } catch (error) {
      const { kind, message } = netError(error, "answer", question.type);
      if (!unwanted.made) this.#send({ type: "refusal", id, kind, message }, []);
    } finally {
      this.#underWay.delete(id);
    }
  }
}
