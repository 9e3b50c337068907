import { NetError } from "../../net/error.ts";
import type { TlsEnd, TlsEnds } from "../../net/tls.ts";
import type { TlsSource } from "../service/tls.ts";

/** What a worker asks about TLS, which the main thread speaks for it: octets go there and back, the connection stays. */
export type TlsQuestion =
  /** Answered after the handshake. `id` is the worker's choice; `name` as in TlsSource. */
  | { readonly type: "tls-open"; readonly id: number; readonly name: string | undefined }
  | { readonly type: "tls"; readonly id: number; readonly end: "sealed" | "clear"; readonly act: TlsAct };

export type TlsAct =
  | { readonly do: "read" | "closeWrite" | "close" }
  | { readonly do: "write"; readonly bytes: ArrayBuffer };

/** In the main thread: the TLS of one worker. */
export class TlsDesk {
  readonly #open = new Map<number, { readonly ends: TlsEnds; readonly closed: Set<string> }>();

  /** Rejects with NetError. */
  async open(id: number, name: string | undefined, source: TlsSource | undefined): Promise<void> {
    if (!source) throw new NetError("closed", "Cannot speak TLS: its configuration is gone");
    const ends = source.open(name);
    this.#open.set(id, { ends, closed: new Set() });
    await ends.secured;
  }

  /** Rejects with NetError. */
  async act(id: number, which: "sealed" | "clear", act: TlsAct): Promise<ArrayBuffer | null | undefined> {
    const open = this.#open.get(id);
    if (!open) throw new NetError("closed", "Cannot speak TLS: closed");
    const end = open.ends[which];
    switch (act.do) {
      case "read":
        return memoryOf(await end.read());
      case "write":
        return void await end.write(new Uint8Array(act.bytes));
      case "closeWrite":
        return void await end.closeWrite();
      case "close":
        end.close();
        if (open.closed.add(which).size === 2) this.#open.delete(id);
    }
  }

  /** The worker is gone. */
  abandon(): void {
    for (const { ends } of this.#open.values()) {
      ends.clear.close();
      ends.sealed.close();
    }
    this.#open.clear();
  }
}

/** In a worker: has the main thread speak TLS. `nextId` gives no number twice, whatever the generation. */
export function remoteTls(
  ask: (question: TlsQuestion) => Promise<unknown>,
  nextId: () => number,
): TlsSource["open"] {
  return (name) => {
    const id = nextId();
    const end = (end: "sealed" | "clear"): TlsEnd => {
      const acted = (act: TlsAct) => ask({ type: "tls", id, end, act });
      return {
        read: async () => {
          const memory = await acted({ do: "read" }) as ArrayBuffer | null;
          return memory && new Uint8Array(memory);
        },
        write: async (bytes) => void await acted({ do: "write", bytes: memoryOf(bytes) }),
        closeWrite: async () => void await acted({ do: "closeWrite" }),
        close: () => void acted({ do: "close" }).catch(() => {}),
      };
    };
    const secured = ask({ type: "tls-open", id, name }).then(() => {});
    return { sealed: end("sealed"), clear: end("clear"), secured };
  };
}

/** The octets in memory of their own: with a view goes all that it is of, and Deno looks at each octet of it by itself. */
function memoryOf(bytes: Uint8Array): ArrayBuffer;
function memoryOf(bytes: Uint8Array | null): ArrayBuffer | null;
function memoryOf(bytes: Uint8Array | null): ArrayBuffer | null {
  return bytes && new Uint8Array(bytes).buffer;
}
