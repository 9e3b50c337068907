import assert from "node:assert/strict";
import { test } from "node:test";
import { remoteTls, TlsDesk, type TlsQuestion } from "../../../src/cli/workers/tls_threads.ts";
import type { TlsEnd, TlsEnds } from "../../../src/net/tls/tls.ts";
import { within } from "../../support/program/until.ts";

/** An end whose octets a test gives and takes. */
class MemoryEnd implements TlsEnd {
  readonly written: number[] = [];
  readonly said: string[] = [];
  readonly lent = new Uint8Array(64 << 10);
  left = 0;
  #taking = Promise.resolve();
  #writing = false;
  #next = 0;
  #wake = () => {};
  closed = false;

  /** Lets so many octets come, each the next number. */
  come(size: number): void {
    this.left += size;
    this.#wake();
  }

  /** Takes no writes until the returned function is called. */
  hold(): () => void {
    let go = () => {};
    this.#taking = new Promise((resolve) => go = resolve);
    return go;
  }

  async read(): Promise<Uint8Array | null> {
    while (this.left === 0) {
      if (this.closed) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const size = Math.min(this.left, 1_000);
    this.left -= size;
    for (let i = 0; i < size; i++) this.lent[i] = this.#next++;
    return this.lent.subarray(0, size);
  }

  async write(bytes: Uint8Array): Promise<void> {
    assert.ok(!this.#writing, "one write at a time");
    this.#writing = true;
    await this.#taking;
    this.#writing = false;
    if (this.closed) throw new Error("closed");
    this.written.push(...bytes);
    this.said.push("write");
  }

  closeWrite(): Promise<void> {
    this.said.push("closeWrite");
    return Promise.resolve();
  }

  close(): void {
    this.said.push("close");
    this.closed = true;
    this.#wake();
  }
}

/** TLS of a worker, as far as threads have to do with it. */
function bench() {
  const sealed = new MemoryEnd(), clear = new MemoryEnd(), desk = new TlsDesk();
  const source = { open: (): TlsEnds => ({ sealed, clear, secured: Promise.resolve() }), close: () => {} };
  const ask = (question: TlsQuestion): Promise<unknown> => {
    const { id } = question;
    return question.type === "tls"
      ? desk.act(id, question.end, question.act)
      : desk.open(id, question.name, question.asker, source);
  };
  return { sealed, clear, desk, remote: remoteTls(ask, () => 1)(undefined, { client: "192.0.2.1" }) };
}

test("TLS of a worker: octets arrive in order, many per read", async () => {
  const { sealed, remote } = bench();
  await remote.secured;
  sealed.come(1_000_000);
  let got = 0, reads = 0;
  while (got < 1_000_000) {
    const chunk = (await within("octets", remote.sealed.read()))!;
    for (const octet of chunk) if (octet !== (got++ & 0xff)) assert.fail(`octet ${got - 1} is ${octet}`);
    reads++;
  }
  assert.ok(reads < 500, `${reads} reads of 1,000 chunks`);
});

test("TLS of a worker: without reads, only a bounded read-ahead leaves the socket", async () => {
  const { clear, remote } = bench();
  await remote.secured;
  clear.come(10_000_000);
  await remote.clear.read();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(clear.left > 9_000_000, `${clear.left} octets are left`);
});

test("TLS of a worker: at most one write is in progress and one waits, and close() lets both finish", async () => {
  const { clear, remote } = bench();
  await remote.secured;
  const go = clear.hold();
  const lent = Uint8Array.of(1);
  await remote.clear.write(lent);
  lent[0] = 2;
  const second = remote.clear.write(lent);
  lent[0] = 3;
  assert.equal(
    await Promise.race([second.then(() => "done"), new Promise((resolve) => setTimeout(resolve, 20))]),
    undefined,
  );
  remote.clear.close();
  go();
  await within("the second write", second);
  await within("close", remote.clear.read());
  assert.deepEqual([clear.written, clear.said], [[1, 2], ["write", "write", "close"]]);
});

test("TLS of a worker: a write failure rejects the next write and closeWrite()", async () => {
  const { clear, remote } = bench();
  await remote.secured;
  clear.closed = true;
  await remote.clear.write(Uint8Array.of(1));
  await assert.rejects(remote.clear.write(Uint8Array.of(2)));
  await assert.rejects(remote.clear.closeWrite());
});

test("TLS of a worker: the end of the worker closes all its connections", async () => {
  const { sealed, clear, desk, remote } = bench();
  await remote.secured;
  desk.abandon();
  assert.ok(sealed.closed && clear.closed);
  await assert.rejects(remote.clear.read(), { kind: "closed" });
});
