import { Command, Option } from "commander";
import { ConfigError } from "../config/config_error.ts";
import { explainedNames } from "./commands/explained.ts";
import { nearest } from "../config/nearest.ts";
import { flagName, type OptionKey, optionKeys, optionOf } from "../config/options.ts";
import type { RawOptions } from "../config/source.ts";
import { type Order, orderNames } from "./remote/orders.ts";
import type { SessionsFlags } from "./remote/sessions_command.ts";
import type { RunFlags } from "./run/run.ts";
import { modes } from "./run/ways/mode.ts";
import type { DoctorFlags } from "./doctor/doctor_command.ts";
import type { ExplainFlags } from "./commands/explain.ts";
import type { UsersFlags } from "./users/users_command.ts";
import { print } from "./print.ts";
import { ThreadAhead } from "./workers/messages/thread_ahead.ts";
import { runtime, version } from "./version.ts";

/** Shown by `--help` and in the man page. */
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

/** Options about outgoing connections; not those about listeners and clients. */
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
  gate46 run --via … --direct .corp.example,10.0.0.0/8 -- ./program
  gate46 run --publish 8080 -- ./server                             what listens inside is reached on 127.0.0.1:8080
  gate46 run --dns-log --log-file log -- ./program                  what it asks for, in a file

Without --via the gateway is this process. Nothing else on this host is changed, and no rights are needed.
127.0.0.1 and ::1 are the program's own where it listens there; else they are this host's, never the gateway's.
Warnings and errors go to standard error; --log-level, --verbose and --dns-log say more.
`;

/** main.ts prints errors, in one line. */
const output = { writeErr() {}, writeOut: (text: string) => void print(text) };

/**
 * The command line; a command's code is loaded when the command runs. `ended` gets the exit code of a command that has one.
 * Commands that are not in `words` get no flags, since making all flags takes 7 ms of the start.
 */
export function program(entry: URL, ended: (exitCode: number) => void, words?: readonly string[]): Command {
  const root = new Command("gate46")
    .usage("[serve] [flags]")
    .description("A dual-stack SOCKSv5 gateway: clients on IPv4 or IPv6 reach destinations on IPv4 or IPv6.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .enablePositionalOptions() // flags after a command belong to the command
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
  command("hash-password", "read a password from standard input and print its line for --users-file")
    .argument("<name>", "the user's name")
    .option("--into <FILE>", "add the line to this file; a new file is readable by you only")
    .action(async (name: string, { into }: { readonly into?: string }) => {
      const { hashPasswordCommand } = await import("./users/hash_password.ts");
      await hashPasswordCommand(name, into);
    });
  const users = command("users", "add, change, remove and list the users of --users-file")
    .argument("<action>", "add, passwd, remove or list")
    .argument("[name]", "the user's name")
    .option("--stdin", "read the password from standard input (one line) without a prompt")
    .action(async (action: string, name: string | undefined, { stdin, ...flags }: UsersFlags & RawOptions) => {
      const { usersCommand } = await import("./users/users_command.ts");
      await usersCommand({ ...root.opts<RawOptions>(), ...flags }, { stdin }, action, name);
    });
  addFlagsTo(users, ["config", "usersFile"]);
  command("check", "check a configuration file and list every error in it")
    .argument("[config]", "the file (default: the user's, else the system's)")
    .option("--elsewhere", "the file is for another host: do not look for the files and interfaces that it names")
    .action(async (file: string | undefined, flags: { readonly elsewhere?: boolean }) => {
      const { checkCommand } = await import("./commands/config_commands.ts");
      await checkCommand(file, flags);
    });
  const config = command("config", "print the effective configuration and the source of each value, without secrets")
    .action(async (flags: RawOptions) => {
      const { configCommand } = await import("./commands/config_commands.ts");
      await configCommand({ ...root.opts<RawOptions>(), ...flags });
    });
  addFlagsTo(config);
  const ofAdmin = ["config", "admin", "adminTokenFile"] as const;
  const healthcheckOf = command(
    "healthcheck",
    "check whether the gateway on this host accepts clients; exit code 0 or 1",
  )
    .action(async (flags: RawOptions) => {
      const { healthcheck } = await import("./remote/healthcheck.ts");
      ended(await healthcheck({ ...root.opts<RawOptions>(), ...flags }));
    });
  addFlagsTo(healthcheckOf, ofAdmin);
  const status = command("status", "print the state and counters of the gateway on this host")
    .option("--json", "print JSON")
    .action(async ({ json, ...flags }: RawOptions & { json?: true }) => {
      const { statusCommand } = await import("./remote/status_command.ts");
      await statusCommand({ ...root.opts<RawOptions>(), ...flags }, json === true);
    });
  addFlagsTo(status, ofAdmin);
  const top = command(
    "top",
    "show the sessions of the gateway on this host and their rates, live on a terminal; q quits",
  )
    .addOption(new Option("--sort <BY>", "order of the sessions").choices(orderNames).default("rate"))
    .action(async ({ sort, ...flags }: RawOptions & { sort: Order }) => {
      const { topCommand } = await import("./remote/top_command.ts");
      await topCommand({ ...root.opts<RawOptions>(), ...flags }, sort);
    });
  addFlagsTo(top, ofAdmin);
  const sessions = command("sessions", "list the sessions of the gateway on this host and their rates, or end sessions")
    .argument("[end]", "end")
    .argument("[which]", "a session's number, or: user, client")
    .argument("[name]", "the user name, or the client's address")
    .option("--json", "print JSON")
    .option("--watch", "list the sessions again every second; q quits")
    .action(
      async (
        end: string | undefined,
        which: string | undefined,
        name: string | undefined,
        { json, watch, ...flags }: RawOptions & SessionsFlags,
      ) => {
        const { sessionsCommand } = await import("./remote/sessions_command.ts");
        const own = { json, watch };
        ended(await sessionsCommand({ ...root.opts<RawOptions>(), ...flags }, own, end, [which, name]));
      },
    );
  addFlagsTo(sessions, ofAdmin);
  const reload = command("reload", "make the gateway on this host read its configuration again; print its errors")
    .action(async (flags: RawOptions) => {
      const { reloadCommand } = await import("./remote/control.ts");
      ended(await reloadCommand({ ...root.opts<RawOptions>(), ...flags }));
    });
  addFlagsTo(reload, ofAdmin);
  const drain = command("drain", "make the gateway on this host refuse new clients, and end after its last session")
    .action(async (flags: RawOptions) => {
      const { drainCommand } = await import("./remote/control.ts");
      await drainCommand({ ...root.opts<RawOptions>(), ...flags });
    });
  addFlagsTo(drain, ofAdmin);
  const explained = command("explain", "explain what the gateway would do with a request, and which rule decides")
    .usage("[flags] [command] <destination>")
    .argument("[command]", `${explainedNames.join(", ")}; sni and host are for listeners by name (default: connect)`)
    .argument(
      "[destination]",
      "for example example.org:443 or https://example.org/; for resolve, resolve-ptr, sni and host no port",
    )
    .option("--client <IP>", "client address (default: this host, or the first address of --from)")
    .option("--user <NAME>", "user name of the client")
    .option("--listener <ADDR>", "listener that the client connects to, if there are several")
    .action(
      async (
        what: string | undefined,
        destination: string | undefined,
        { client, user, listener, ...flags }: ExplainFlags & RawOptions,
      ) => {
        const { explain } = await import("./commands/explain.ts");
        const isAlone = destination === undefined;
        if (what === undefined || (isAlone && explainedNames.some((name) => name === what))) {
          throw new ConfigError("Cannot explain: the destination is missing (write gate46 explain example.org:443)");
        }
        const [command, to] = isAlone ? ["connect", what] : [what, destination];
        ended(await explain({ ...root.opts<RawOptions>(), ...flags }, { client, user, listener }, command, to));
      },
    );
  addFlagsTo(explained, optionKeys.filter((key) => key !== "user"));
  command("completion", "print the completion script of a shell")
    .argument("<shell>", "bash, zsh or fish")
    .action(async (shell: string) => {
      const { completionCommand } = await import("./completion/completion_command.ts");
      await completionCommand(root, shell);
    });
  const ran = command("run", "run a program; its connections, datagrams and names go through a gateway")
    .usage("[flags] [--] [COMMAND [ARG…]]")
    .argument("[command...]", "the program and its arguments (default: your shell)")
    .passThroughOptions()
    .addOption(
      new Option(
        "--mode <mode>",
        "isolation: its own network namespace, answered system calls, or the first that works on this host",
      )
        .choices(modes),
    )
    .option("--verbose", "print how the program runs, and a log line for each session, as --log-level info does")
    .option("--shell", "run your shell ($SHELL, else /bin/sh); this is the default without a command")
    .option("--dns-log", "log a line for each name that the program resolves, with the addresses it gets")
    .option(
      "--direct <NAME|PREFIX>",
      "destinations that bypass --via and use this host's own network; a name includes all names below it; repeatable, or separated by commas",
      (value: string, previous: string[] = []) => [...previous, value],
    )
    .option(
      "--publish <[ADDR:]PORT[:PORT]>",
      "make a port of the program reachable from outside, by default on 127.0.0.1 and ::1: 8080, 8080:80, [2001:db8::1]:8080:80, 5353/udp; repeatable",
      (value: string, previous: string[] = []) => [...previous, value],
    )
    .addHelpText("after", runExamples)
    .action(
      async (command: string[], { verbose, shell, dnsLog, direct, publish, mode, ...flags }: RunFlags & RawOptions) => {
        const { run } = await import("./run/run.ts");
        ended(await run(flags, { verbose, shell, dnsLog, direct, publish, mode }, command));
      },
    );
  addFlagsTo(ran, ofRun);
  const examined = command("doctor", "examine this host for that configuration, and say what to change")
    .option("--json", "print JSON")
    .option("--online", "also connect to a root name server")
    .action(async ({ json, online, ...flags }: DoctorFlags & RawOptions) => {
      const { doctor } = await import("./doctor/doctor_command.ts");
      ended(await doctor({ ...root.opts<RawOptions>(), ...flags }, { json, online }));
    });
  addFlagsTo(examined);
  command("help", "print the help of a command")
    .argument("[command]", "the command (default: all)")
    .action((name: string | undefined) => {
      const found = root.commands.find((one) => one.name() === name);
      if (name !== undefined && name !== "serve" && !found) {
        const near = nearest(name, root.commands.map((one) => one.name()));
        throw new ConfigError(
          `Cannot help with '${name}': no such command${near === undefined ? "" : ` (did you mean ${near}?)`}`,
        );
      }
      (found ?? root).outputHelp();
    });
  command("version", "print the version and the runtime")
    .action(async () => await print(`gate46 ${version}, on ${runtime}\n`));
  return root;
}

/** True if flags of `serve` are possible; they may also come before another command. */
function isForRoot([first]: readonly string[]): boolean {
  if (first === "--version" || first === "-V") return false;
  return first === undefined || first === "serve" || first === "help" || first.startsWith("-");
}

/** Adds options of the table as flags of `command`. */
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
