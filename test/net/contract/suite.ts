import { readdirSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import type { Listener, Net, Socket, SocketAddr, UdpSocket } from "../../../src/net/socket.ts";
import { hasPython, PythonPeer } from "../../support/python/python.ts";
import { skipped, tooSlow } from "../../support/program/skipped.ts";
import { within } from "../../support/program/until.ts";

/** How one adapter is put to the contract. */
export interface Subject {
  readonly name: string;
  open(): Promise<Net>;
  /** Where a script finds the adapter, as a function without parameters; without it tests in processes of their own are skipped. */
  readonly script?: { readonly module: string; readonly open: string };
  /** Whether a kernel is behind it, and other programs can reach it. */
  readonly real: boolean;
  /** Tests this adapter is known to fail: title, and why, with the link to where that is known. */
  readonly gaps?: Readonly<Record<string, string>>;
}

/** What a test needs beyond the adapter. */
type Need = "a kernel" | "python" | "a script" | "descriptors" | "namespaces" | "time";

const isRoot = process.getuid?.() === 0;

/** Names tests after the adapter and skips its gaps. */
export class Suite {
  readonly subject: Subject;
  readonly #titles = new Set<string>();

  constructor(subject: Subject) {
    this.subject = subject;
  }

  /** It has two minutes: where all cores are busy, the longest takes 40 s. */
  test(title: string, body: (bench: Bench) => Promise<void>, ...needs: readonly Need[]): void {
    const { name, open, gaps } = this.subject;
    this.#titles.add(title);
    const full = `${name}: ${title}`;
    const lacking = needs.map((need) => this.#lacking(need)).find((reason) => reason !== undefined);
    test(full, { skip: skipped(full, gaps?.[title] ?? lacking ?? false), timeout: 115_000 }, async () => {
      const bench = new Bench(await open());
      try {
        await within("the whole test", body(bench), 110_000);
      } finally {
        bench.close();
      }
    });
  }

  /** A gap that names no test would hide nothing, and say it does. */
  finish(): void {
    for (const title of Object.keys(this.subject.gaps ?? {})) {
      if (!this.#titles.has(title)) throw new Error(`Cannot skip '${title}': no test has that title`);
    }
  }

  #lacking(need: Need): string | undefined {
    const { real, script } = this.subject;
    if (!real) return "it has no kernel behind it";
    if (need === "python" && !hasPython) return "python3 is not here";
    if (need === "a script" && !script) return "no script can open it";
    if ((need === "descriptors" || need === "namespaces") && process.platform !== "linux") return "needs Linux";
    if (need === "namespaces" && !isRoot) return "network namespaces need root";
    if (need === "time") return tooSlow || undefined;
    return undefined;
  }
}

/** What one test has open. */
export class Bench {
  readonly net: Net;
  readonly #open: { close(): void }[] = [];

  constructor(net: Net) {
    this.net = net;
  }

  async listen(host = "127.0.0.1", port = 0): Promise<Listener> {
    return this.keep(await this.net.listen({ host, port }));
  }

  async connect(addr: SocketAddr): Promise<Socket> {
    return this.keep(await within("a connection", this.net.connect(addr)));
  }

  async accept(listener: Listener): Promise<Socket> {
    const socket = await within("a client", listener.accept());
    if (!socket) throw new Error("Cannot accept: the listener is closed");
    return this.keep(socket);
  }

  /** Both ends of a connection: who connected, and who accepted. */
  async pair(host = "127.0.0.1"): Promise<readonly [client: Socket, server: Socket]> {
    const listener = await this.net.listen({ host, port: 0 });
    try {
      const accepted = this.accept(listener);
      return [await this.connect(listener.addr), await accepted];
    } finally {
      listener.close();
    }
  }

  async udp(host = "127.0.0.1"): Promise<UdpSocket> {
    return this.keep(await this.net.bindUdp({ host, port: 0 }));
  }

  python(): PythonPeer {
    return this.keep(new PythonPeer());
  }

  keep<T extends { close(): void }>(closable: T): T {
    this.#open.push(closable);
    return closable;
  }

  close(): void {
    for (const closable of this.#open.splice(0)) closable.close();
  }
}

/** How many descriptors this process has. */
export function descriptorCount(): number {
  return readdirSync("/proc/self/fd").length;
}
