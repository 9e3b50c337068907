import { Command, Option } from "commander";
import { flagName, type OptionKey, optionKeys, optionOf } from "../config/options.ts";
import type { RawOptions } from "../config/source.ts";
import type { RunFlags } from "./run/run.ts";
import type { DoctorFlags } from "./doctor/doctor_command.ts";
import type { ExplainFlags } from "./commands/explain.ts";
import { print } from "./print.ts";
import { ThreadAhead } from "./workers/thread_ahead.ts";
import { version } from "./version.ts";

/** Shown by `--help`, and by the man page. */
export const examples = `
Examples:
  gate46                                          for this machine, on 127.0.0.1:1080 and [::1]:1080
  gate46 --listen :1080 --from 192.168.0.0/16     for a home network
  gate46 --listen :1080 --users-file users        for whoever has a password
  gate46 --config gate46.toml                     with rules; see gate46 explain --help
  curl --socks5-hostname 127.0.0.1:1080 https://example.org/

A time is 500ms, 10s, 5m or 1h; a number alone is seconds. A size is 500k, 10M or 1G.
Each flag can also be a variable (GATE46_LOG_LEVEL) or a key of the file (log_level); flags override variables, and
variables the file.
`;

/** What says how a program goes out; not who may come in, and where. */
const ofRun: readonly OptionKey[] = [
  "config",
  "allow",
  "default",
  "dns",
  "dnsCa",
  "host",
  "prefer",
  "only",
  "outgoing",
  "nat64",
  "via",
  "viaCa",
  "viaCert",
  "viaKey",
  "dialTimeout",
  "idleTimeout",
  "sessionBandwidth",
  "mark",
  "interface",
  "logLevel",
  "logFormat",
  "logFile",
  "logSessions",
];

/** Shown by `run --help`. */
const runExamples = `
Examples:
  gate46 run -- curl http://ipv6only.example/                       a program that knows no IPv6 reaches it all the same
  gate46 run --via socks5://192.0.2.1:1080 -- git clone https://…   by another gateway, which has IPv6
  gate46 run                                                        a shell, for all that is started in it

Without --via the gateway is this process. Nothing else on this host is changed, and no rights are needed.
`;

/** What is wrong is told by main.ts, in one line. */
const output = { writeErr() {}, writeOut: (text: string) => void print(text) };

/**
 * The command line; what a command does is loaded when it is given. `ended` is told the exit code of one that has one. Commands
 * that `words` do not name have no flags, since those of all take 7 ms of a start to make.
 */
export function program(entry: URL, ended: (exitCode: number) => void, words?: readonly string[]): Command {
  const root = new Command("gate46")
    .usage("[serve] [flags]")
    .description("A dual-stack SOCKSv5 gateway: clients on IPv4 or IPv6 reach destinations on IPv4 or IPv6.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this")
    .helpCommand(false)
    .enablePositionalOptions() // flags behind a command are the command's
    .exitOverride()
    .configureOutput(output)
    .configureHelp({ helpWidth: 100 })
    .addHelpText("after", examples)
    .action(async (flags: RawOptions) => {
      const ahead = flags.engine === "portable" ? undefined : ThreadAhead.start(entry);
      const { serve } = await import("./serve/serve.ts");
      ended(await serve(flags, entry, ahead));
    });
  if (!words || isForRoot(words)) addFlags(root);
  const command = (name: string, description: string) =>
    root.command(name).description(description).exitOverride().configureOutput(output)
      .configureHelp({ helpWidth: 100 });
  const addFlagsTo = (command: Command, keys?: readonly OptionKey[]) => {
    if (!words || words.includes(command.name())) addFlags(command, keys);
  };
  command("hash-password", "read a password from standard input and print the line for --users-file")
    .argument("<name>", "the user's name")
    .option("--into <FILE>", "append the line to that file, which only you may read where it is new")
    .action(async (name: string, { into }: { readonly into?: string }) => {
      const { hashPasswordCommand } = await import("./commands/hash_password.ts");
      await hashPasswordCommand(name, into);
    });
  command("check", "say whether a configuration file is valid, and all that is wrong in it")
    .argument("<config>", "the file")
    .option("--elsewhere", "it is for another host: the files and the interface that it names are not looked for here")
    .action(async (file: string, flags: { readonly elsewhere?: boolean }) => {
      const { checkCommand } = await import("./commands/config_commands.ts");
      await checkCommand(file, flags);
    });
  const config = command("config", "print the configuration that these flags make, and who says what, without secrets")
    .action(async (flags: RawOptions) => {
      const { configCommand } = await import("./commands/config_commands.ts");
      await configCommand({ ...root.opts<RawOptions>(), ...flags });
    });
  addFlagsTo(config);
  const ofAdmin = ["config", "admin", "adminTokenFile"] as const;
  const healthcheckOf = command("healthcheck", "say whether the gateway here takes clients; exit code 0 or 1")
    .action(async (flags: RawOptions) => {
      const { healthcheck } = await import("./commands/admin_commands.ts");
      ended(await healthcheck({ ...root.opts<RawOptions>(), ...flags }));
    });
  addFlagsTo(healthcheckOf, ofAdmin);
  const sessions = command("sessions", "list the sessions of the gateway here, or end some")
    .argument("[end]", "end")
    .argument("[which]", "a session's number, or: user, client")
    .argument("[name]", "of that user, or the address of that client")
    .option("--json", "for machines")
    .action(
      async (
        end: string | undefined,
        which: string | undefined,
        name: string | undefined,
        { json, ...flags }: RawOptions & { json?: true },
      ) => {
        const { sessionsCommand } = await import("./commands/admin_commands.ts");
        ended(await sessionsCommand({ ...root.opts<RawOptions>(), ...flags }, end, [which, name], json === true));
      },
    );
  addFlagsTo(sessions, ofAdmin);
  const explained = command("explain", "say what would become of a request, by which rule, and in which order")
    .argument("<command>", "connect, bind, udp or forward; sni or host for who goes by name")
    .argument("<destination>", "as example.org:443; of sni and host the name")
    .requiredOption("--client <IP>", "who asks")
    .option("--user <NAME>", "as whom")
    .option("--listener <ADDR>", "where the client comes to, where there are several")
    .action(
      async (what: string, destination: string, { client, user, listener, ...flags }: ExplainFlags & RawOptions) => {
        const { explain } = await import("./commands/explain.ts");
        ended(await explain({ ...root.opts<RawOptions>(), ...flags }, { client, user, listener }, what, destination));
      },
    );
  addFlagsTo(explained, optionKeys.filter((key) => key !== "user"));
  command("completion", "print what completes this command line in a shell")
    .argument("<shell>", "bash, zsh or fish")
    .action(async (shell: string) => {
      const { completionCommand } = await import("./completion/completion_command.ts");
      await completionCommand(root, shell);
    });
  const ran = command("run", "run a program whose connections, datagrams and names go through a gateway")
    .usage("[flags] [--] [COMMAND [ARG…]]")
    .argument("[command...]", "the program, and what it is told; your shell where none is said")
    .passThroughOptions()
    .option("--verbose", "say how it runs, and a line for each session")
    .addHelpText("after", runExamples)
    .action(async (command: string[], { verbose, ...flags }: RunFlags & RawOptions) => {
      const { run } = await import("./run/run.ts");
      ended(await run(flags, { verbose }, command));
    });
  addFlagsTo(ran, ofRun);
  const examined = command("doctor", "say what this host can do with that configuration, and what to change")
    .option("--json", "for machines")
    .option("--online", "connect to a root name server too")
    .action(async ({ json, online, ...flags }: DoctorFlags & RawOptions) => {
      const { doctor } = await import("./doctor/doctor_command.ts");
      ended(await doctor({ ...root.opts<RawOptions>(), ...flags }, { json, online }));
    });
  addFlagsTo(examined);
  return root;
}

/** Whether there may be flags of `serve`, which stand before another command too. */
function isForRoot([first]: readonly string[]): boolean {
  if (first === "--version" || first === "-V") return false;
  return first === undefined || first === "serve" || first.startsWith("-");
}

/** Options of the table as flags of `command`. */
function addFlags(command: Command, keys: readonly OptionKey[] = optionKeys): void {
  for (const key of keys) {
    const { arg, many, group, help, choices, fallback } = optionOf(key);
    const text = [
      choices ? `${help}: ${choices.join(", ")}` : help,
      ...fallback ? [`(default ${fallback.join(", ")})`] : [],
    ].join(" ");
    const option = new Option(
      arg === undefined ? flagName(key) : `${flagName(key)} <${arg}>`,
      many ? `${text}; repeatable` : text,
    ).helpGroup(group);
    if (many) option.argParser((value: string, previous: string[] = []) => [...previous, value]);
    command.addOption(option);
  }
}
