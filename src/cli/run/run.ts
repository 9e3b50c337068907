import process from "node:process";
import { ConfigError } from "../../config/config_error.ts";
import type { OptionKey } from "../../config/options.ts";
import type { RawOptions } from "../../config/source.ts";
import { parsePrefix } from "../../protocol/ip/prefix.ts";
import { packRules } from "../../gateway/rules/packed_rules.ts";
import type { Rule } from "../../gateway/rules/rule.ts";
import { systemClock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import { InnerSockets } from "../../net/linux/child/inner_sockets.ts";
import { Engine } from "../../net/linux/engine/engine.ts";
import { openChildCalls } from "../../net/kernel/libc/child_calls.ts";
import { giveThreadTo, libraryOpener, openKernel } from "../../net/open.ts";
import { readLists } from "../files/list_files.ts";
import { loadConfig, type LoadedConfig } from "../files/load_config.ts";
import { readNamedFiles } from "../files/named_files.ts";
import { log, startLog, stopLog } from "../log/log.ts";
import type { ServedConfig } from "../service/service.ts";
import { socketOptions } from "../service/socket_options.ts";
import { runtime } from "../version.ts";
import { type Direct, parseDirect } from "./direct.ts";
import { descriptorLimit, inheritedDescriptors } from "./inheritance.ts";
import { nameCovers } from "./name_covers.ts";
import { endAs, PassedSignals, programEnd } from "./program_end.ts";
import { stopWith } from "./program_stop.ts";
import { programFile } from "./program_file.ts";
import { parsePublish } from "./published.ts";
import { type ProgramGateway, serveProgram } from "./program_gateway.ts";
import type { Mode } from "./ways/mode.ts";
import { startProgram } from "./ways/start_program.ts";

/** Flags of `run`, besides the gateway's own. */
export interface RunFlags {
  readonly verbose?: boolean | undefined;
  readonly shell?: boolean | undefined;
  readonly dnsLog?: boolean | undefined;
  readonly direct?: readonly string[] | undefined;
  readonly mode?: Mode | undefined;
  readonly publish?: readonly string[] | undefined;
}

/** Default idle timeout of a program's connections (ms): a week. */
const IDLE_MS = 604_800_000;

const SIGKILL = 9;

const STILL_THERE = "the program has ended, and gate46 serves the processes that it left; SIGTERM or Ctrl-C ends that";

const everywhere = ["0.0.0.0/0", "::/0"].map((text) => parsePrefix(text)!);
const loopback = ["127.0.0.0/8", "::1"].map((text) => parsePrefix(text)!);

/**
 * `gate46 run`: runs a program, or a shell if none is given. Its connections, datagrams and names go through a gateway in this
 * process. Resolves with its exit code.
 * Rejects with NetError and ConfigError.
 */
export async function run(
  flags: RawOptions,
  { verbose = false, shell = false, dnsLog = false, direct: directly = [], publish = [], mode = "auto" }: RunFlags,
  command: readonly string[],
): Promise<number> {
  if (shell && command.length > 0) throw new ConfigError("Cannot run a shell and a program: say --shell or a command");
  const direct = parseDirect(directly), ports = publish.map(parsePublish);
  const libc = await openKernel(), open = await libraryOpener(), calls = libc && openChildCalls(open);
  if (!libc) throw new NetError("other", "Cannot run a program: it takes Linux, and a runtime that calls libc");
  if (!calls) {
    throw new NetError("other", "Cannot run a program: this system's libc has no makecontext (musl); use glibc");
  }
  const inherited = inheritedDescriptors(libc, runtime.startsWith("bun"));
  const wanted = command.length > 0 ? command : [process.env.SHELL || "/bin/sh"];
  const file = programFile(wanted, process.env.PATH);
  if ("code" in file) {
    process.stderr.write(`gate46: Cannot run ${wanted[0]}: ${file.state}\n`);
    return file.code;
  }
  const loaded = await forProgram(await loadConfig(flags), { verbose, dnsLog, direct });
  const { tls } = await readNamedFiles(loaded);
  const emit = await startLog(loaded.config, systemClock, libc);
  const { covers, remove } = nameCovers(loaded.config.rules.some(({ via }) => via !== undefined));
  try {
    const { pid, takeTraffic, begin, way, hasOwnNetwork } = startProgram({ libc, calls, open }, mode, {
      ...file,
      environment: process.env,
      inherited,
      descriptors: descriptorLimit(),
      covers,
    });
    if (!hasOwnNetwork) remove();
    let engine: Engine, gateway: ProgramGateway, signals: PassedSignals;
    try {
      if (ports.length > 0 && !hasOwnNetwork) {
        throw new ConfigError(
          "Cannot use --publish: the program has no network of its own, so it listens on this host itself",
        );
      }
      const inner = ports.length > 0 ? new InnerSockets(libc, calls, pid) : undefined;
      engine = new Engine(inner?.libc ?? libc, {
        sockets: socketOptions(loaded.config),
        fault: (error) => emit({ type: "fault", error }),
      });
      signals = new PassedSignals(pid, calls);
      stopWith(engine, calls, pid);
      const publishing = inner && { ports, inner };
      gateway = await serveProgram(engine, loaded, tls, takeTraffic, { emit, direct, dnsLog, publishing });
    } catch (error) {
      calls.kill(pid, SIGKILL); // it waits to begin, and would begin after this process
      throw error;
    }
    if (verbose) log.info(way, { pid, program: file.path });
    const ended = programEnd(engine, calls, pid, signals, () => log.warning(STILL_THERE));
    begin();
    await giveThreadTo(engine, gateway);
    const end = await ended;
    if (!signals.ended) await gateway.settled();
    stopLog();
    return endAs(end, calls);
  } finally {
    remove();
  }
}

/**
 * The configuration for one program of this user: all destinations are allowed, loopback is this host's own, clients are not
 * checked. Rejects with ConfigError.
 */
async function forProgram(
  loaded: LoadedConfig,
  { verbose, dnsLog, direct }: { readonly verbose: boolean; readonly dnsLog: boolean; readonly direct: Direct },
): Promise<ServedConfig> {
  const { config, effective } = loaded;
  const isSaid = (key: OptionKey) => effective[key] !== undefined && effective[key].from !== "default";
  const own: readonly Rule[] = [{ name: "loopback", action: "allow", to: loopback }, ...direct.rules];
  const first = config.rules.findIndex(({ name }) => name === "--via");
  const rules = first < 0 ? config.rules : [...config.rules.slice(0, first), ...own, ...config.rules.slice(first)];
  return {
    ...loaded,
    rules: packRules(rules, await readLists(rules)),
    config: {
      ...config,
      rules,
      allow: [...config.allow, ...everywhere],
      installRules: false,
      ...!isSaid("logLevel") && { logLevel: verbose || dnsLog ? "info" : "warning" },
      ...!isSaid("logLevel") && !verbose && dnsLog && { logSessions: "off" as const },
      gateway: {
        ...config.gateway,
        from: undefined,
        access: [],
        proxies: [],
        maxRate: undefined,
        ...!isSaid("idleTimeout") && { idleMs: IDLE_MS },
      },
    },
  };
}
