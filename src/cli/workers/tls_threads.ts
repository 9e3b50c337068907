import { setImmediate } from "node:timers";
import { NetError } from "../../net/error.ts";
import type { TlsEnd } from "../../net/tls/tls.ts";
import type { TlsSource } from "../service/tls/tls_source.ts";
import type { Asker } from "../../turns/fair_queue.ts";

/** A worker's questions about TLS by the main thread: only octets are exchanged, the worker keeps the connection. */
export type TlsQuestion =
  /** Answered after the handshake. `id` is the worker's choice; `name` and `asker` as in TlsSource. */
  | { readonly type: "tls-open"; readonly id: number; readonly name: string | undefined; readonly asker: Asker }
  | { readonly type: "tls"; readonly id: number; readonly end: "sealed" | "clear"; readonly act: TlsAct };

export type TlsAct =
  | { readonly do: "read" | "closeWrite" | "close" }
  | { readonly do: "write"; readonly bytes: ArrayBuffer };

/** In the main thread: TLS for one worker. */
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
        // Pending writes to `clear` are finished first; if `sealed` is closed, they are pointless.
        end.close(which === "clear");
        if (sealed.closed && clear.closed) this.#open.delete(id);
    }
  }

  /** Closes everything: the worker has ended. */
  abandon(): void {
    for (const { sealed, clear } of this.#open.values()) {
      clear.close(false);
      sealed.close(false);
    }
    this.#open.clear();
  }
}

/** Maximum octets read ahead of the worker's questions, and octets collected for an answer as long as more come at once. */
const MAX_AHEAD = 96 << 10, MIN_BATCH = 48 << 10;

/** An end for another thread. A question wakes two threads, so its answer has all octets since the last one. */
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

  /** Octets in a buffer of their own; null at the end. Rejects with NetError. */
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

  /** Writes buffers one after another. */
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
        this.#chunks.push(new Uint8Array(chunk)); // a copy: the view is only valid now
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
 * In a worker: TLS by the main thread. `nextId` returns unique numbers across generations. A write resolves when the write
 * before it is done, and reports the failure of that one: so the other thread always has work.
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
