import type { Question } from "./worker_messages.ts";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** A worker's questions to the main thread that have no answer yet. */
export class Questions {
  readonly #send: (id: number, question: Question) => void;
  readonly #open = new Map<number, Waiting>();
  #lastId = 0;

  constructor(send: (id: number, question: Question) => void) {
    this.#send = send;
  }

  ask(question: Question): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
      this.#send(id, question);
    });
  }

  answer(id: number, value: unknown): void {
    this.#take(id)?.resolve(value);
  }

  refuse(id: number, error: Error): void {
    this.#take(id)?.reject(error);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#open.get(id);
    this.#open.delete(id);
    return waiting;
  }
}
