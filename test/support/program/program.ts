import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import process from "node:process";
import { type SocketAddr, unixAddr } from "../../../src/net/socket.ts";
import { afterwards } from "./afterwards.ts";
import { kill } from "./kill.ts";
import { runtime, scriptCommand } from "./runtime.ts";
import { until } from "./until.ts";

/** What the runner has compiled the program to: one file for either runtime, and executables. */
const compiled = (process.env.GATE46_BINS ?? "").split(" ").filter(Boolean);

/** mod.ts, or all of it in one file, which starts in two thirds of the time. */
const script = compiled.find((path) => path.endsWith(".js")) ?? "mod.ts";

/** A way to run the program: from source on the runtime that runs the test, or a compiled executable. */
export interface Target {
  readonly name: string;
  readonly command: readonly string[];
  /** Whether it can have several workers: then it has one where its flags say nothing, whatever this machine has. */
  readonly threaded?: boolean;
}

export const source: Target = {
  name: `${runtime} ${basename(script)}`,
  command: scriptCommand(script),
  threaded: process.platform === "linux",
};

/** The same on the runtime's own sockets, where another engine would be chosen. */
export const portable: Target = {
  name: `${source.name}, portable engine`,
  command: ["env", "GATE46_ENGINE=portable", ...source.command],
};

/** Flags after which it says itself how many workers it has. */
const ofWorkers = /^--(workers|engine)=/;

/** For what is no test of a runtime. */
export const allExecutables: readonly Target[] = compiled.filter((path) => path !== script)
  .map((path) => ({ name: basename(path), command: [path], threaded: process.platform === "linux" }));

/** That of the runtime that runs the test: the other has a run of its own. */
export const executables: readonly Target[] = allExecutables.filter(({ name }) => name === `gate46-${runtime}`);

/** An executable of Bun holds the very Bun that runs the tests; that of Deno may be of another version. */
const plain: readonly Target[] = runtime === "bun" && executables.length > 0 ? [] : [source];

/** Every way to run the program for which this runtime stands, for what sockets and threads have to do with. */
export const targets: readonly Target[] = [...plain, portable, ...executables];

/** The same for what no engine has to do with, as files, commands, the log and the admin endpoint. */
export const programs: readonly Target[] = [...plain, ...executables];

/** Those with workers. */
export const threadedTargets: readonly Target[] = targets.filter((target) => target.threaded);

/** The flags for so many workers, where it can have several. */
export function workers(target: Target, count: number): readonly string[] {
  return target.threaded ? [`--workers=${count}`] : [];
}

/** The gateway while it runs. */
export interface Program {
  readonly child: ChildProcess;
  /** Its listeners, in the order of the flags, ports resolved. */
  readonly addrs: readonly SocketAddr[];
  readonly admin: SocketAddr | undefined;
  /** All it has written so far, to standard error and to the log file that a flag names. */
  output(): string;
  signal(name: "SIGHUP" | "SIGUSR1" | "SIGUSR2" | "SIGTERM" | "SIGINT" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
  /** The exit code. */
  readonly exited: Promise<number | null>;
  /** Sends SIGTERM and resolves with the exit code. */
  stop(): Promise<number | null>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the gateway and waits until it listens. `prefix` is put before the command, as `ip netns exec NAME`. */
export async function start(
  target: Target,
  flags: readonly string[],
  prefix: readonly string[] = [],
): Promise<Program> {
  const one = flags.some((flag) => ofWorkers.test(flag)) ? [] : workers(target, 1);
  const [file, ...args] = [...prefix, ...target.command, ...flags, ...one];
  const child = spawn(file!, args, { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => stderr += text);
  const logFile = flags.find((flag) => flag.startsWith("--log-file="))?.slice("--log-file=".length);
  const output = () => stderr + (logFile !== undefined && existsSync(logFile) ? readFileSync(logFile, "utf8") : "");
  let gone = false;
  child.on("exit", () => {
    gone = true;
    forget();
  });
  // Not before all that it wrote has been read.
  const exited = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  const signal = (name: string) => {
    if (!gone) kill(child.pid!, name); // child.kill() makes Deno forget the exit code
  };
  const forget = afterwards(() => signal("SIGKILL"));
  const wantsAdmin = !flags.some((flag) => /^(--admin=)?off$/.test(flag));
  const asked = flags.filter((flag) => flag.startsWith("--listen")).length;
  const wanted = Math.max(asked, flags.some((flag) => flag.startsWith("--config")) ? 1 : 0);
  await until(`${target.name} listens`, async () => {
    if (gone) {
      await exited;
      throw new Error(`Cannot start ${target.name}: it said ${output()}`);
    }
    return listeners(output(), "listening on").length >= wanted &&
      (!wantsAdmin || listeners(output(), "admin on").length > 0);
  }).catch((error) => {
    signal("SIGKILL");
    throw error;
  });
  return {
    child,
    addrs: listeners(output(), "listening on"),
    admin: listeners(output(), "admin on")[0],
    output,
    signal,
    exited,
    stop() {
      signal("SIGTERM");
      return exited;
    },
  };
}

/** Runs the program to its end. */
export function run(target: Target, args: readonly string[], input = "", cwd?: string): Promise<Ended> {
  const [file, ...rest] = target.command;
  return finish(spawn(file!, [...rest, ...args], { cwd }), input);
}

/** Runs any command to its end. */
export function shell(command: readonly string[], input = "", env?: Record<string, string>): Promise<Ended> {
  return finish(spawn(command[0]!, command.slice(1), { env: { ...process.env, ...env } }), input);
}

function finish(child: ChildProcess, input: string): Promise<Ended> {
  let stdout = "", stderr = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => stdout += text);
  child.stderr!.setEncoding("utf8").on("data", (text: string) => stderr += text);
  child.stdin!.on("error", () => {}); // whoever does not read it has no need of it
  child.stdin!.end(input);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

function listeners(output: string, what: string): SocketAddr[] {
  // Whole lines: of the last one a part may have come.
  const text = new RegExp(`${what} (?:unix:(\\S+)|(?:\\[([^\\]]+)\\]|([\\d.]+)):(\\d+))(?=.*\\n)`, "g");
  return Array.from(
    output.matchAll(text),
    ([, unix, six, four, port]) => unix ? unixAddr(unix) : { host: six ?? four!, port: Number(port) },
  );
}
