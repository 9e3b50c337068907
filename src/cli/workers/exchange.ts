import { NetError, netError, type NetErrorKind } from "../../net/error.ts";

/** What goes between two threads of which either may ask; all of it can be cloned. */
export type Letter<Question> =
  | { readonly type: "question"; readonly id: number; readonly question: Question }
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "refusal"; readonly id: number; readonly kind: NetErrorKind; readonly message: string };

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Sends a letter; `memory` goes over to the other thread with it, which costs nothing, and a copy much. */
export type SendLetter<Question> = (letter: Letter<Question>, memory: ArrayBuffer[]) => void;

/** One end of the questions and answers between two threads. */
export class Exchange<Asked, Answered extends { readonly type: string }> {
  readonly #send: SendLetter<Asked>;
  readonly #answer: (question: Answered) => unknown;
  readonly #open = new Map<number, Waiting>();
  #lastId = 0;

  /** `answer` gives, or promises, the value; what it throws becomes the refusal. */
  constructor(send: SendLetter<Asked>, answer: (question: Answered) => unknown) {
    this.#send = send;
    this.#answer = answer;
  }

  /** Rejects with NetError. */
  ask(question: Asked, memory: ArrayBuffer[] = []): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
      this.#send({ type: "question", id, question }, memory);
    });
  }

  take(letter: Letter<Answered>): void {
    if (letter.type === "question") return void this.#reply(letter.id, letter.question);
    const waiting = this.#open.get(letter.id);
    this.#open.delete(letter.id);
    if (letter.type === "answer") waiting?.resolve(letter.value);
    else waiting?.reject(new NetError(letter.kind, letter.message));
  }

  /** The other thread is gone: no answer will come. */
  abandon(): void {
    for (const { reject } of this.#open.values()) reject(new NetError("closed", "Cannot ask: the thread has ended"));
    this.#open.clear();
  }

  async #reply(id: number, question: Answered): Promise<void> {
    try {
      const value = await this.#answer(question);
      this.#send({ type: "answer", id, value }, value instanceof ArrayBuffer ? [value] : []);
    } catch (error) {
      const { kind, message } = netError(error, "answer", question.type);
      this.#send({ type: "refusal", id, kind, message }, []);
    }
  }
}
