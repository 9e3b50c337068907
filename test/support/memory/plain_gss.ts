import { NetError } from "../../../src/net/error.ts";
import type { GssAcceptor, GssContext, GssInitiation, GssInitiator, Unwrapped } from "../../../src/net/gss/gss.ts";

/** Octets of a token around what it holds. */
export const OVERHEAD = 16;

/** What a token that seals is made by. */
const MASK = 0x5a;

/** A context that hides nothing from a test: its tokens look like those of RFC 4121, and what it says of itself can be set. */
export class PlainContext implements GssContext {
  established = false;
  mutual = true;
  peer: string | undefined;
  peerLocally: string | undefined;
  closed = false;
  /** Steps that it takes. */
  rounds = 1;
  byAcceptorKey = true;
  sequence = 100;

  /** The name is the token that it is established by; "no" fails. */
  step(token: Uint8Array): Uint8Array {
    const name = new TextDecoder().decode(token);
    if (name === "no") throw new NetError("other", "Cannot accept the context: no such ticket");
    this.established = --this.rounds <= 0;
    if (this.established) [this.peer, this.peerLocally] = [name, name.startsWith("alice") ? "alice" : undefined];
    return new TextEncoder().encode("answer");
  }

  wrap(bytes: Uint8Array, sealed: boolean, room: number): Uint8Array<ArrayBuffer> {
    this.#checkOpen();
    const token = new Uint8Array(room + OVERHEAD + bytes.length);
    token.set([5, 4, (this.byAcceptorKey ? 4 : 0) | (sealed ? 2 : 0), 0xff], room);
    new DataView(token.buffer).setUint32(room + 12, this.sequence++);
    token.set(sealed ? bytes.map((octet) => octet ^ MASK) : bytes, room + OVERHEAD);
    return token;
  }

  unwrap(token: Uint8Array): Unwrapped {
    this.#checkOpen();
    if (token.length < OVERHEAD || token[0] !== 5) throw new NetError("other", "Cannot unwrap: no token");
    const sealed = (token[2]! & 2) !== 0, bytes = token.slice(OVERHEAD);
    return { bytes: sealed ? bytes.map((octet) => octet ^ MASK) : bytes, sealed };
  }

  capacity(_sealed: boolean, size: number): number {
    return size - OVERHEAD;
  }

  close(): void {
    this.closed = true;
  }

  #checkOpen(): void {
    if (this.closed) throw new NetError("closed", "Cannot use the context: closed");
  }
}

/** Lets in whoever says a name. */
export class PlainAcceptor implements GssAcceptor {
  readonly contexts: PlainContext[] = [];
  /** What new contexts are. */
  readonly made: Partial<PlainContext>;

  constructor(made: Partial<PlainContext> = {}) {
    this.made = made;
  }

  check(): void {}

  accept(): GssContext {
    const context = Object.assign(new PlainContext(), this.made);
    this.contexts.push(context);
    return context;
  }

  close(): void {}
}

/** Says a name to whoever it goes to, and notes to whom. */
export class PlainInitiator implements GssInitiator {
  readonly targets: string[] = [];
  readonly contexts: PlainContext[] = [];
  name = "alice@A";
  /** What new contexts are. */
  made: Partial<PlainContext> = {};

  initiate(target: string): GssInitiation {
    this.targets.push(target);
    const { name, made, contexts } = this;
    return {
      context: undefined,
      step(token) {
        if (token.length === 0) return Promise.resolve(new TextEncoder().encode(name));
        const context = Object.assign(new PlainContext(), made);
        contexts.push(context);
        Object.assign(this, { context });
        return Promise.resolve(new Uint8Array(0));
      },
      close: () => {},
    };
  }
}
