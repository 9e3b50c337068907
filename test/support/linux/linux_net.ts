import process from "node:process";
import type { Libc } from "../../../src/net/kernel/libc/libc.ts";
import { Engine } from "../../../src/net/linux/engine/engine.ts";
import { linuxNet } from "../../../src/net/linux/linux_net.ts";
import type { Net } from "../../../src/net/socket.ts";
import { runtime } from "../program/runtime.ts";

/** libc where the tests run; undefined where there is none to be had. */
export async function openLibc(): Promise<Libc | undefined> {
  if (process.platform !== "linux") return undefined;
  const { openLibc } = runtime === "bun"
    ? await import("../../../src/net/bun/bun_libc.ts")
    : await import("../../../src/net/deno/deno_libc.ts");
  return await openLibc();
}

/** The engine in the thread of the tests, and the adapter on it. */
export interface LinuxThread {
  readonly engine: Engine;
  readonly net: Net;
}

let opened: Promise<LinuxThread | undefined> | undefined;

/** In the thread of the tests, which has other things to do: it turns between them, and never waits. */
export function linuxThread(): Promise<LinuxThread | undefined> {
  return opened ??= openLibc().then((libc) => libc && threadOn(libc));
}

export async function openLinuxNet(): Promise<Net> {
  return (await linuxThread())!.net;
}

/** The adapter on that libc, turned by the thread of the tests. */
export function netOn(libc: Libc): Net {
  return threadOn(libc).net;
}

function threadOn(libc: Libc): LinuxThread {
  const engine = new Engine(libc, {
    fault(error) {
      throw error;
    },
  });
  const turn = () => {
    engine.turn(0);
    setTimeout(turn, 0).unref();
  };
  turn();
  return { engine, net: linuxNet(engine) };
}
