import assert from "node:assert/strict";
import { Engine } from "../../../src/net/linux/engine/engine.ts";
import { linuxNet } from "../../../src/net/linux/linux_net.ts";
import { TICKET_KEYS_SIZE } from "../../../src/net/linux/tls/contexts.ts";
import type { Libssl } from "../../../src/net/linux/tls/libssl.ts";
import { sealedGround, SealedTls } from "../../../src/net/linux/tls/sealed_tls.ts";
import type { Socket } from "../../../src/net/socket.ts";
import { Departures } from "../../../src/net/tls/tls_socket.ts";
import { guardedMemory } from "../linux/guarded_memory.ts";
import { openLibc } from "../linux/linux_net.ts";
import { until } from "../program/until.ts";
import { certificatesFor, hasOpenssl } from "./certificates.ts";
import { nobody, openLibssl } from "./tls_ways.ts";
import { watchedLibssl } from "./watched_libssl.ts";

const libc = await openLibc(), found = libc && await openLibssl();

/** Why there can be none here. */
export const noSealedPlace = !found ? "no Linux engine, or no libssl" : hasOpenssl ? false : "no openssl";

interface PlaceOptions {
  readonly clientCa?: string | undefined;
  /** What libssl does otherwise. */
  readonly changes?: Partial<Libssl>;
}

/** A gateway's TLS on an engine of its own, whose scratch ends where memory ends. */
export async function sealedPlace({ clientCa, changes = {} }: PlaceOptions = {}) {
  const faults: unknown[] = [];
  const engine = new Engine(libc!, { fault: (error) => faults.push(error) });
  Object.defineProperty(engine, "scratch", { value: await guardedMemory(engine.scratch.length) });
  let over = false;
  const turn = () => {
    if (over) return;
    engine.turn(0);
    setTimeout(turn, 0);
  };
  turn();
  const watched = watchedLibssl({ ...found!.libssl, ...changes });
  const ground = sealedGround(engine, watched.libssl, new Departures());
  const { ca, cert, key } = certificatesFor("DNS:gw.test", "IP:127.0.0.1");
  const own = { server: { cert, key, clientCa }, connects: true, ca, identity: undefined };
  const tls = new SealedTls(ground, { ...own, ticketKeys: new Uint8Array(TICKET_KEYS_SIZE) }, nobody);
  const net = linuxNet(engine);
  const listener = await net.listen({ host: "127.0.0.1", port: 0 });
  return {
    ...watched,
    tls,
    ca,
    listener,
    /** What was accepted, and what connected. */
    connection: () => Promise.all([listener.accept(), net.connect(listener.addr)]) as Promise<[Socket, Socket]>,
    async close() {
      listener.close();
      tls.close();
      await until("all is let go", () => watched.connections.size === 0);
      over = true;
      engine.dispose();
      assert.deepEqual([watched.faults, faults, watched.contexts.size], [[], [], 0]);
    },
  };
}

export type SealedPlace = Awaited<ReturnType<typeof sealedPlace>>;
