import type { Libc } from "../../../src/net/kernel/libc/libc.ts";

const GUARD_SIZE = 64, PATTERN = 0xa5;

type View = Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
type Call = (...args: unknown[]) => number;

/** What holds pointers to other memory cannot be moved between guards. */
const passed: ReadonlySet<string> = new Set(["recvmmsg", "sendmmsg", "errno", "addressOf"]);

/** libc whose every buffer lies between guards while the kernel has it: one octet written too far throws. */
export function guardedLibc(libc: Libc): Libc {
  const calls = Object.entries(libc).map((
    [name, call],
  ) => [name, passed.has(name) ? call : guarded(name, call as Call)]);
  return Object.fromEntries(calls) as Libc;
}

function guarded(name: string, call: Call): Call {
  return (...args) => {
    const lent = args.map((arg) => isView(arg) ? new Guarded(arg) : undefined);
    const result = call(...args.map((arg, i) => lent[i]?.inner ?? arg));
    for (const one of lent) one?.takeBack(name);
    return result;
  };
}

class Guarded {
  readonly inner: View;
  readonly #outer: View;
  readonly #memory: Uint8Array<ArrayBuffer>;

  constructor(outer: View) {
    this.#outer = outer;
    this.#memory = new Uint8Array(outer.byteLength + 2 * GUARD_SIZE).fill(PATTERN);
    this.#memory.set(octets(outer), GUARD_SIZE);
    const make = outer.constructor as new (memory: ArrayBuffer, at: number, length: number) => View;
    this.inner = new make(this.#memory.buffer, GUARD_SIZE, outer.length);
  }

  takeBack(name: string): void {
    const end = GUARD_SIZE + this.#outer.byteLength;
    for (const guard of [this.#memory.subarray(0, GUARD_SIZE), this.#memory.subarray(end)]) {
      if (guard.some((octet) => octet !== PATTERN)) throw new Error(`${name}() wrote beyond its buffer`);
    }
    octets(this.#outer).set(this.#memory.subarray(GUARD_SIZE, end));
  }
}

function octets(view: View): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function isView(arg: unknown): arg is View {
  return arg instanceof Uint8Array || arg instanceof Int32Array || arg instanceof Uint32Array;
}
