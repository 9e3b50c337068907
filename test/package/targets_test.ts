import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { spawnSync } from "node:child_process";
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { Command, Reply } from "../../src/protocol/codes.ts";
import { allExecutables, start, type Target } from "../support/program/program.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped, slow } from "../support/program/skipped.ts";
import { ask } from "../support/wire/socks.ts";
import { echoServer } from "../support/wire/tcp.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

/** An executable for another system: how its file begins, and how it runs here, where it can. */
interface Foreign {
  readonly target: string;
  readonly begins: (octets: DataView) => boolean;
  /** The command that runs it, or why there is none. */
  readonly runner?: (executable: string) => readonly string[] | string;
}

const elf = (machine: number) => (octets: DataView) =>
  octets.getUint32(0) === 0x7f454c46 && octets.getUint16(18, true) === machine;
const machO = (cpu: number) => (octets: DataView) =>
  octets.getUint32(0, true) === 0xfeedfacf && octets.getUint32(4, true) === cpu;
const x64 = 62, arm64 = 183;

const foreign: readonly Foreign[] = [
  { target: "linux-arm64", begins: elf(arm64), runner: underQemu },
  { target: "linux-x64-musl", begins: elf(x64), runner: onMusl },
  { target: "linux-arm64-musl", begins: elf(arm64) },
  { target: "darwin-x64", begins: machO(0x0100_0007) },
  { target: "darwin-arm64", begins: machO(0x0100_000c) },
  {
    target: "windows-x64",
    begins: (octets) =>
      octets.getUint16(0) === 0x4d5a && octets.getUint16(octets.getUint32(0x3c, true) + 4, true) === 0x8664,
  },
];

const folder = temporaryFolder("targets");
const env = { ...process.env, PATH: `${process.env.PATH}:${join(projectRoot, "scripts/toolchain/node_modules/.bin")}` };

function underQemu(executable: string): readonly string[] | string {
  const libraries = "/usr/aarch64-linux-gnu";
  if (!existsSync(`${libraries}/lib/libc.so.6`)) return "libc6-arm64-cross is not here";
  const qemu = ["qemu-aarch64-static", "qemu-aarch64"].find((name) => spawnSync(name, ["--version"]).status === 0);
  return qemu ? [qemu, "-L", libraries, executable] : "qemu-user is not here";
}

function onMusl(executable: string): readonly string[] | string {
  if (!existsSync("/lib/ld-musl-x86_64.so.1")) return "musl is not here";
  const libraries = join(folder, "musl");
  mkdirSync(libraries, { recursive: true });
  const shim = ["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,ld-linux-x86-64.so.2"];
  const source = join(projectRoot, "test/package/glibc_of_musl.c");
  if (spawnSync("gcc", [...shim, "-o", join(libraries, "ld-linux-x86-64.so.2"), source]).status !== 0) {
    return "gcc is not here";
  }
  for (const name of ["libstdc++.so.6", "libgcc_s.so.1"]) {
    const found = ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu"].find((path) => existsSync(join(path, name)));
    if (!found) return `${name} is not here`;
    copyFileSync(join(found, name), join(libraries, name));
  }
  return ["env", `LD_LIBRARY_PATH=${libraries}`, executable];
}

/** Whether there is a runtime to make it of; where it is kept from an earlier run no network is asked. */
function missing(target: string): string | false {
  if (allExecutables.length === 0) return "executables are not made here";
  const { status, stderr } = spawnSync("sh", [join(projectRoot, "scripts/toolchain/bun_for.sh"), target], {
    encoding: "utf8",
    env,
  });
  return status !== 0 && stderr.trim().split("\n").at(-1)!;
}

for (const { target, begins, runner } of foreign) {
  // One that runs here without an emulator stands for all of them.
  const long = target !== "linux-x64-musl" && slow(`targets_test.ts, ${target}`);
  const lacking = long || skipped(`targets_test.ts, ${target}`, missing(target));
  describe(`the executable for ${target}`, { skip: lacking }, () => {
    const dist = join(folder, target);
    const executable = join(dist, `gate46-bun-${target}${target.startsWith("windows") ? ".exe" : ""}`);
    after(() => rmSync(dist, { recursive: true, force: true }));

    test("it is made, and for that system", { timeout: 300_000 }, () => {
      const { status, stderr } = spawnSync("sh", [join(projectRoot, "compile.sh"), "bun", target], {
        encoding: "utf8",
        env: { ...env, DIST: dist },
      });
      assert.equal(status, 0, stderr);
      const octets = new Uint8Array(4096);
      const file = openSync(executable, "r");
      readSync(file, octets);
      closeSync(file);
      assert.ok(begins(new DataView(octets.buffer)));
    });

    if (!runner) return;
    if (lacking) return;
    const command = runner(executable);
    const skip = skipped(`targets_test.ts, running ${target}`, typeof command === "string" && command);
    test("it relays, on the Linux engine", { skip, timeout: 300_000 }, async () => {
      const program: Target = { name: target, command: command as readonly string[] };
      const gateway = await start(program, [
        ...["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.0/8", "--workers=1"],
      ]);
      assert.match(gateway.output(), /engine linux/);
      const echo = await echoServer("127.0.0.1");
      const { client, reply } = await ask(gateway.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port);
      assert.equal(reply.reply, Reply.Succeeded);
      const bytes = new Uint8Array(randomBytes(1_000_000)); // enough for splice(2)
      client.write(bytes);
      client.socket.end();
      assert.deepEqual(await client.rest(), bytes);
      client.close();
      echo.close();
      assert.equal(await gateway.stop(), 0);
    });
  });
}
