import { Command, Option } from "commander";
import { ConfigError } from "../config/config_error.ts";
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
import { ThreadAhead } from "./workers/thread_ahead.ts";
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
Errors alone are told on standard error where no --log-… flag says more.
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
    .helpOption("-h, --help", "print this")
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
  command("hash-password", "read a password from standard input and print the line for --users-file")
    .argument("<name>", "the user's name")
    .option("--into <FILE>", "add the line to that file, which only you may read where it is new")
    .action(async (name: string, { into }: { readonly into?: string }) => {
      const { hashPasswordCommand } = await import("./users/hash_password.ts");
      await hashPasswordCommand(name, into);
    });
  const users = command("users", "add, change, remove and list the users of --users-file")
    .argument("<action>", "add, passwd, remove or list")
    .argument("[name]", "the user's name")
    .option("--stdin", "read the password from standard input, one line, and ask nobody")
    .action(async (action: string, name: string | undefined, { stdin, ...flags }: UsersFlags & RawOptions) => {
      const { usersCommand } = await import("./users/users_command.ts");
      await usersCommand({ ...root.opts<RawOptions>(), ...flags }, { stdin }, action, name);
    });
  addFlagsTo(users, ["config", "usersFile"]);
  command("check", "say whether a configuration file is valid, and all that is wrong in it")
    .argument("[config]", "the file; where none is said, the user's or the system's")
    .option("--elsewhere", "it is for another host: the files and the interface that it names are not looked for here")
    .action(async (file: string | undefined, flags: { readonly elsewhere?: boolean }) => {
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
      const { healthcheck } = await import("./remote/healthcheck.ts");
      ended(await healthcheck({ ...root.opts<RawOptions>(), ...flags }));
    });
  addFlagsTo(healthcheckOf, ofAdmin);
  const status = command("status", "say how the gateway here is, and what it has done")
    .option("--json", "for machines")
    .action(async ({ json, ...flags }: RawOptions & { json?: true }) => {
      const { statusCommand } = await import("./remote/status_command.ts");
      await statusCommand({ ...root.opts<RawOptions>(), ...flags }, json === true);
    });
  addFlagsTo(status, ofAdmin);
  const top = command("top", "show the sessions of the gateway here and their rates, live on a terminal; q quits")
    .addOption(new Option("--sort <BY>", "what comes first").choices(orderNames).default("rate"))
    .action(async ({ sort, ...flags }: RawOptions & { sort: Order }) => {
      const { topCommand } = await import("./remote/top_command.ts");
      await topCommand({ ...root.opts<RawOptions>(), ...flags }, sort);
    });
  addFlagsTo(top, ofAdmin);
  const sessions = command("sessions", "list the sessions of the gateway here and their rates, or end some")
    .argument("[end]", "end")
    .argument("[which]", "a session's number, or: user, client")
    .argument("[name]", "of that user, or the address of that client")
    .option("--json", "for machines")
    .option("--watch", "list them again each second; q quits")
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
  const reload = command("reload", "have the gateway here read its configuration again, and say what is wrong in it")
    .action(async (flags: RawOptions) => {
      const { reloadCommand } = await import("./remote/control.ts");
      ended(await reloadCommand({ ...root.opts<RawOptions>(), ...flags }));
    });
  addFlagsTo(reload, ofAdmin);
  const drain = command("drain", "have the gateway here take no more clients, and end when sessions have ended")
    .action(async (flags: RawOptions) => {
      const { drainCommand } = await import("./remote/control.ts");
      await drainCommand({ ...root.opts<RawOptions>(), ...flags });
    });
  addFlagsTo(drain, ofAdmin);
  const explained = command("explain", "say what would become of a request, by which rule, and in which order")
    .usage("[flags] [command] <destination>")
    .argument("<command>", "connect, which need not be said, bind, udp or forward; sni or host for who goes by name")
    .argument("[destination]", "as example.org:443 or https://example.org/; of sni and host the name")
    .option("--client <IP>", "who asks (default: this machine, or the first address of --from)")
    .option("--user <NAME>", "as whom")
    .option("--listener <ADDR>", "where the client comes to, where there are several")
    .action(
      async (
        what: string,
        destination: string | undefined,
        { client, user, listener, ...flags }: ExplainFlags & RawOptions,
      ) => {
        const { explain } = await import("./commands/explain.ts");
        const [command, to] = destination === undefined ? ["connect", what] : [what, destination];
        ended(await explain({ ...root.opts<RawOptions>(), ...flags }, { client, user, listener }, command, to));
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
    .addOption(
      new Option("--mode <mode>", "how: by a network of its own, by its system calls, or by the first that works here")
        .choices(modes),
    )
    .option("--verbose", "say how it runs, and a line for each session, as --log-level info does")
    .option("--shell", "run your shell ($SHELL, else /bin/sh), as where no program is said")
    .option("--dns-log", "a line for each name that it asks for, with the addresses that it is given")
    .option(
      "--direct <NAME|PREFIX>",
      "these go from this host directly, not by --via, names with all below them; repeatable, or by commas",
      (value: string, previous: string[] = []) => [...previous, value],
    )
    .option(
      "--publish <[ADDR:]PORT[:PORT]>",
      "reach what it listens on from outside, on 127.0.0.1 and ::1 where no address is said: 8080, 8080:80, " +
        "[2001:db8::1]:8080:80, 5353/udp; repeatable",
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
  const examined = command("doctor", "say what this host can do with that configuration, and what to change")
    .option("--json", "for machines")
    .option("--online", "connect to a root name server too")
    .action(async ({ json, online, ...flags }: DoctorFlags & RawOptions) => {
      const { doctor } = await import("./doctor/doctor_command.ts");
      ended(await doctor({ ...root.opts<RawOptions>(), ...flags }, { json, online }));
    });
  addFlagsTo(examined);
  command("help", "print what a command takes")
    .argument("[command]", "the command; all of them where none is said")
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
  command("version", "print the version, and what it runs on")
    .action(async () => await print(`gate46 ${version}, on ${runtime}\n`));
  return root;
}

/** True if flags of `serve` are possible; they may also come before another command. */
function isForRoot([first]: readonly string[]): boolean {
  if (first === "--version" || first === "-V") return false;
  return first === undefined || first === "serve" || first.startsWith("-");
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
