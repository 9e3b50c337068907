import { setImmediate } from "node:timers";
import { NetError } from "../../net/error.ts";
import type { TlsEnd } from "../../net/tls/tls.ts";
import type { TlsSource } from "../service/tls/tls_source.ts";
import type { Asker } from "../../turns/fair_queue.ts";

/** What a worker asks about TLS, which the main thread speaks for it: octets go there and back, the connection stays. */
export type TlsQuestion =
  /** Answered after the handshake. `id` is the worker's choice; `name` and `asker` as in TlsSource. */
  | { readonly type: "tls-open"; readonly id: number; readonly name: string | undefined; readonly asker: Asker }
  | { readonly type: "tls"; readonly id: number; readonly end: "sealed" | "clear"; readonly act: TlsAct };

export type TlsAct =
  | { readonly do: "read" | "closeWrite" | "close" }
  | { readonly do: "write"; readonly bytes: ArrayBuffer };

/** In the main thread: the TLS of one worker. */
export class TlsDesk {
  readonly #open = new Map<number, { readonly sealed: DeskEnd; readonly clear: DeskEnd }>();

  /** Rejects with NetError. */
  async open(id: number, name: string | undefined, asker: Asker, source: TlsSource | undefined): Promise<void> {
    if (!source) throw new NetError("closed", "Cannot speak TLS: its configuration is gone");
    const { sealed, clear, secured } = source.open(name, asker);
    this.#open.set(id, { sealed: new DeskEnd(sealed), clear: new DeskEnd(clear) });
    await secured;
  }

  /** Rejects with NetError. */
  async act(id: number, which: "sealed" | "clear", act: TlsAct): Promise<ArrayBuffer | null | undefined> {
    const open = this.#open.get(id);
    if (!open) throw new NetError("closed", "Cannot speak TLS: closed");
    const { [which]: end, sealed, clear } = open;
    switch (act.do) {
      case "read":
        return await end.read();
      case "write":
        return void await end.write(new Uint8Array(act.bytes));
      case "closeWrite":
        return void await end.closeWrite();
      case "close":
        // What was written to `clear` has its time; where `sealed` is closed nobody waits for that any more.
        end.close(which === "clear");
        if (sealed.closed && clear.closed) this.#open.delete(id);
    }
  }

  /** The worker is gone. */
  abandon(): void {
    for (const { sealed, clear } of this.#open.values()) {
      clear.close(false);
      sealed.close(false);
    }
    this.#open.clear();
  }
}

/** So much is read of an end before the worker asks for it, and so much is waited for as long as more comes at once. */
const MAX_AHEAD = 96 << 10, MIN_BATCH = 48 << 10;

/** An end for another thread, which is far: a question is two threads' waking up, so its answer brings all that has come since the last. */
class DeskEnd {
  closed = false;
  readonly #end: TlsEnd;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #failure: unknown;
  #came = () => {};
  #taken = () => {};
  #written = Promise.resolve();

  constructor(end: TlsEnd) {
    this.#end = end;
    void this.#readAhead();
  }

  /** In memory of their own; null at the end. Rejects with NetError. */
  async read(): Promise<ArrayBuffer | null> {
    while (this.#size === 0 && !this.#ended) await new Promise<void>((resolve) => this.#came = resolve);
    if (this.#size === 0) {
      if (this.#failure) throw this.#failure;
      return null;
    }
    for (let before = 0; this.#size > before && this.#size < MIN_BATCH && !this.#ended;) {
      before = this.#size;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.#empty();
    return all.buffer;
  }

  /** Writes what it is given one after the other. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#written = this.#written.then(() => this.#end.write(bytes));
  }

  async closeWrite(): Promise<void> {
    await this.#written;
    await this.#end.closeWrite();
  }

  close(afterWrites: boolean): void {
    this.closed = true;
    this.#empty();
    const close = () => this.#end.close();
    if (afterWrites) this.#written.then(close, close);
    else close();
  }

  #empty(): void {
    this.#chunks.length = this.#size = 0;
    this.#taken();
  }

  async #readAhead(): Promise<void> {
    try {
      for (let chunk = await this.#end.read(); chunk; chunk = await this.#end.read()) {
        if (this.closed) continue;
        this.#chunks.push(new Uint8Array(chunk)); // a copy: the view is lent
        this.#size += chunk.length;
        this.#came();
        while (this.#size >= MAX_AHEAD) await new Promise<void>((resolve) => this.#taken = resolve);
      }
    } catch (error) {
      this.#failure = error;
    }
    this.#ended = true;
    this.#came();
  }
}

/**
 * In a worker: has the main thread speak TLS. `nextId` gives no number twice, whatever the generation. A write is over when the
 * one before is, and tells the failure of that: so there is always something to do on the other side.
 */
export function remoteTls(
  ask: (question: TlsQuestion, memory?: ArrayBuffer[]) => Promise<unknown>,
  nextId: () => number,
): TlsSource["open"] {
  return (name, asker) => {
    const id = nextId();
    const end = (end: "sealed" | "clear"): TlsEnd => {
      const acted = (act: TlsAct) => ask({ type: "tls", id, end, act }, act.do === "write" ? [act.bytes] : []);
      let written: Promise<unknown> = Promise.resolve();
      return {
        read: async () => {
          const memory = await acted({ do: "read" }) as ArrayBuffer | null;
          return memory && new Uint8Array(memory);
        },
        write: async (bytes) => {
          const before = written;
          written = acted({ do: "write", bytes: new Uint8Array(bytes).buffer });
          written.catch(() => {});
          await before;
        },
        closeWrite: async () => void await acted({ do: "closeWrite" }),
        close: () => void acted({ do: "close" }).catch(() => {}),
      };
    };
    const secured = ask({ type: "tls-open", id, name, asker }).then(() => {});
    return { sealed: end("sealed"), clear: end("clear"), secured };
  };
}
