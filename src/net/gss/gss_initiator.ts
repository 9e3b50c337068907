import type { Asker } from "../../turns/fair_queue.ts";
import type { Cut } from "../cut.ts";
import type { GssInitiation, GssInitiator } from "./gss.ts";
import {
  GSS_C_CONF_FLAG,
  GSS_C_INITIATE,
  GSS_C_INTEG_FLAG,
  GSS_C_MUTUAL_FLAG,
  GSS_C_REPLAY_FLAG,
  GSS_C_SEQUENCE_FLAG,
  type GssCalls,
} from "./gss_calls.ts";
import { LibraryContext } from "./gss_context.ts";
import { Slot } from "./gss_memory.ts";

const FLAGS = GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG;

/** A step of a context, which any thread can do: the context is passed by address, 0 before the first step. */
export interface InitiatorStep {
  readonly context: bigint;
  readonly target: string;
  readonly token: Uint8Array;
}

/** The result; the receiver owns the context. */
export interface InitiatorStepped {
  readonly context: bigint;
  readonly token: Uint8Array;
  readonly established: boolean;
  readonly flags: number;
}

/** Does a step in another thread. Rejects with NetError; the context is released then. */
export type TakeStep = (step: InitiatorStep, asker: Asker, cut?: Cut) => Promise<InitiatorStepped>;

/** Does a step in this thread, which may wait for the KDC for as long as the library does. Throws NetError; the context is released then. */
export function takeStep(calls: GssCalls, { context, target, token }: InitiatorStep): InitiatorStepped {
  const slot = new Slot(calls.library, context);
  let name: Slot | undefined, credentials: Slot | undefined;
  try {
    name = calls.importName(target);
    credentials = calls.credentials(GSS_C_INITIATE, {});
    const { answer, established, flags } = calls.initiate(slot, credentials, name, FLAGS, token);
    return { context: slot.address, token: answer, established, flags };
  } catch (error) {
    calls.deleteContext(slot);
    throw error;
  } finally {
    if (credentials) calls.releaseCredentials(credentials);
    if (name) calls.releaseName(name);
  }
}

/** Releases a context that is no longer wanted. */
export function discardStepped(calls: GssCalls, { context }: InitiatorStepped): void {
  calls.deleteContext(new Slot(calls.library, context));
}

/** True for the result of a step. */
export function isStepped(value: unknown): value is InitiatorStepped {
  return typeof value === "object" && value !== null && "context" in value && "established" in value;
}

/** Runs steps by `take`, and uses their results here; `open` opens the library in this thread. */
export function initiatorBy(take: TakeStep, open: () => GssCalls): GssInitiator {
  return { initiate: (target) => new Initiation(target, take, open) };
}

class Initiation implements GssInitiation {
  context: LibraryContext | undefined;
  readonly #target: string;
  readonly #take: TakeStep;
  readonly #open: () => GssCalls;
  /** What the last step came to, where that was no context yet. */
  #stepped: InitiatorStepped | undefined;

  constructor(target: string, take: TakeStep, open: () => GssCalls) {
    this.#target = target;
    this.#take = take;
    this.#open = open;
  }

  async step(token: Uint8Array, asker: Asker, cut?: Cut): Promise<Uint8Array> {
    const calls = this.#open(); // first, since it may not be there
    const context = this.#stepped?.context ?? 0n;
    this.#stepped = undefined;
    const stepped = await this.#take({ context, target: this.#target, token }, asker, cut);
    if (stepped.established) {
      const refuse = () => {
        throw new Error("Cannot step: the context is established");
      };
      this.context = new LibraryContext(calls, refuse, new Slot(calls.library, stepped.context));
      this.context.settle(true, stepped.flags);
    } else this.#stepped = stepped;
    return stepped.token;
  }

  close(): void {
    if (this.#stepped) discardStepped(this.#open(), this.#stepped);
    this.#stepped = undefined;
  }
}
