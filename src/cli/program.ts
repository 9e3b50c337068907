import { Command, Option } from "commander";
import { logFormats, logLevels, parseConfig, type RawOptions } from "../config.ts";
import { hashPasswordCommand } from "./hash_password.ts";
import { serve } from "./serve.ts";
import { version } from "./version.ts";

const examples = `
Examples:
  gate46                                          for this machine, on 127.0.0.1:1080 and [::1]:1080
  gate46 --listen :1080 --from 192.168.0.0/16     for a home network
  gate46 --listen :1080 --users-file users        for whoever has a password
  curl --socks5-hostname 127.0.0.1:1080 https://example.org/
`;

/** The command line. `ended` is told the exit code of a command that has one. */
export function program(ended: (exitCode: number) => void): Command {
  const root = new Command("gate46")
    .usage("[serve] [flags]")
    .description("A dual-stack SOCKSv5 gateway: clients on IPv4 or IPv6 reach destinations on IPv4 or IPv6.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeErr() {} }) // main.ts says it in one line
    .configureHelp({ helpWidth: 100 })
    .addHelpText("after", examples)
    .action(async (raw: RawOptions) => ended(await serve(parseConfig(raw))));
  addFlags(root);
  root.command("hash-password")
    .description("read a password from standard input and print the line for --users-file")
    .argument("<name>", "the user's name")
    .exitOverride()
    .configureOutput({ writeErr() {} })
    .action(hashPasswordCommand);
  return root;
}

function addFlags(root: Command): void {
  const flag = (group: string, flags: string, description: string) =>
    root.addOption(new Option(flags, description).helpGroup(group));
  const flags = (group: string, flags: string, description: string) =>
    root.addOption(
      new Option(flags, `${description}; repeatable`).helpGroup(group)
        .argParser((value: string, previous: string[] = []) => [...previous, value]),
    );

  const where = "Where:";
  flags(where, "--listen <ADDR>", "listen there (default 127.0.0.1:1080 and [::1]:1080)");
  flag(where, "--admin <ADDR|off>", "/healthz, /readyz, /metrics (default 127.0.0.1:9090)");
  flags(where, "--announce <IP>", "tell clients this address for BIND and UDP, one for each family");
  flag(where, "--ports <FIRST-LAST>", "ports for BIND and UDP (default any)");

  const who = "Who may use it, and to go where:";
  flags(who, "--user <NAME:PASSWORD>", "ask for username and password; other users of this machine can see it");
  flag(who, "--users-file <FILE>", "the same, with hashed passwords (see hash-password)");
  flags(who, "--from <PREFIX>", "only clients from there");
  flag(who, "--open", "listen beyond loopback with neither users nor --from");
  flags(who, "--allow <PREFIX>", "open these destinations, though loopback, link-local, multicast or metadata");
  flag(who, "--udp-filter <MODE>", "endpoint-independent, address-dependent or address-and-port-dependent (default)");

  const limits = "Limits (times as 10s, 500ms, 5m, 1h):";
  flag(limits, "--max-sessions <N>", "at a time (default 10000)");
  flag(limits, "--handshake-timeout <TIME>", "until the request is there (default 10s)");
  flag(limits, "--dial-timeout <TIME>", "to resolve and connect (default 15s)");
  flag(limits, "--bind-timeout <TIME>", "for the peer of BIND to come (default 3m)");
  flag(limits, "--idle-timeout <TIME>", "without a byte in either direction (default 15m)");
  flag(limits, "--udp-idle-timeout <TIME>", "until a silent UDP destination is forgotten (default 5m)");
  flag(limits, "--drain <TIME>", "for sessions to finish after SIGTERM (default 30s)");

  const output = "Log:";
  flag(output, "--log-level <LEVEL>", `${logLevels.join(", ")} (default info)`);
  flag(output, "--log-format <FORMAT>", `${logFormats.join(" or ")} (default text)`);
}
