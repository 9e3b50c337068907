import { until } from "./until.ts";

/** Sessions that come one after another, in lanes, until it is stopped. One that fails fails whoever waits for more. */
export class Load {
  served = 0;
  #over = false;
  #failure: unknown;
  readonly #lanes: Promise<unknown>;

  /** Each session resolves when it has ended. Lanes pause between them: what is to be seen needs somebody there all the time, and no more. */
  constructor(session: () => Promise<void>, lanes = 2) {
    const lane = async () => {
      while (!this.#over) {
        await session();
        this.served++;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    };
    this.#lanes = Promise.all(Array.from({ length: lanes }, lane)).catch((error) => this.#failure = error ?? "failed");
  }

  /** Resolves when so many more have been served. */
  more(what: string, count = 20): Promise<void> {
    const before = this.served;
    return until(what, () => {
      if (this.#failure) throw this.#failure;
      return this.served >= before + count;
    });
  }

  /** Resolves when all are over; rejects where one has failed. */
  async stop(): Promise<void> {
    this.#over = true;
    await this.#lanes;
    if (this.#failure) throw this.#failure;
  }
}

const PAUSE_MS = 10;
