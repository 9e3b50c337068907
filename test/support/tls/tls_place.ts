import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { connect, type ConnectionOptions } from "node:tls";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { type Certificates, hasOpenssl } from "./certificates.ts";
import { libraryNames } from "../../../src/net/linux/tls/libssl.ts";
import { type Program, source, start, type Target } from "../program/program.ts";
import { skipped } from "../program/skipped.ts";
import { Tcp } from "../wire/tcp.ts";
import { temporaryFolder } from "../program/temporary_folder.ts";
import { within } from "../program/until.ts";

/** Files that a test of TLS writes, and programs that it starts. */
export class TlsPlace {
  readonly folder = temporaryFolder("tls");
  readonly #programs: Program[] = [];

  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** The flags of a listener with such a certificate. */
  listener({ cert, key }: Certificates, name = "own", addr = "127.0.0.1:0"): string[] {
    const files = [`--tls-cert=${this.file(`${name}.cert`, cert)}`, `--tls-key=${this.file(`${name}.key`, key)}`];
    return [`--listen=socks5s://${addr}`, ...files];
  }

  async start(target: Target, ...flags: readonly string[]): Promise<Program> {
    const admin = flags.some((flag) => flag.startsWith("--admin=")) ? [] : ["--admin=off"];
    // With --watch it looks at files five times a second.
    const prefix = flags.includes("--watch") ? ["env", "GATE46_TEST_HASTE=5"] : [];
    const program = await start(target, [...admin, ...flags], prefix);
    this.#programs.push(program);
    return program;
  }

  async stop(): Promise<void> {
    for (const program of this.#programs) {
      program.signal("SIGKILL");
      await program.exited;
    }
  }
}

export function tlsTest(
  target: Target,
  title: string,
  body: (place: TlsPlace) => Promise<void>,
  lacking: string | false = false,
) {
  const full = `TLS, ${target.name}: ${title}`;
  test(full, { skip: skipped(full, hasOpenssl ? lacking : "no openssl"), timeout: 120_000 }, async () => {
    const place = new TlsPlace();
    try {
      await body(place);
    } finally {
      await place.stop();
    }
  });
}

/** The program where there is no libssl to be found: instead of it, there is a library without its functions. */
export const withoutLibssl: readonly Target[] = hideLibssl();

function hideLibssl(): readonly Target[] {
  if (process.platform !== "linux") return [];
  const another = /\S*\/libm\.so\S*/.exec(readFileSync("/proc/self/maps", "utf8"))?.[0];
  if (!another) return [];
  const folder = temporaryFolder("no-libssl");
  for (const name of libraryNames) copyFileSync(another, join(folder, name));
  const command = ["env", `LD_LIBRARY_PATH=${folder}`, ...source.command];
  return [{ ...source, name: `${source.name}, no libssl`, command }];
}

/** A client that speaks TLS, to who shows a certificate of `ca` for 127.0.0.1. */
export async function overTls({ host, port, unix }: SocketAddr, ca: string): Promise<Tcp> {
  const to = unix === undefined ? { host, port } : { host, path: unix };
  const socket = connect({ ...to, ca } as ConnectionOptions);
  const secured = new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  await within("a handshake", secured);
  return new Tcp(socket);
}
