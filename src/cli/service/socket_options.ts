import type { Config } from "../../config/config.ts";
import { NetError } from "../../net/error.ts";
import { errnoError } from "../../net/kernel/libc/errno.ts";
import { family } from "../../net/kernel/libc/sockaddr.ts";
import { setOutgoing } from "../../net/linux/tcp_dial.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { SOCK_CLOEXEC, SOCK_STREAM } from "../../net/kernel/libc/abi.ts";
import { ConfigError } from "../../config/config_error.ts";
import { flagName, type OptionKey } from "../../config/options.ts";
import type { SocketOptions } from "../../net/linux/engine/engine.ts";
import { OWN_MARK } from "../../net/linux/router/router_rules.ts";
import { isRouted } from "../../gateway/settings.ts";

/** Options from the configuration for every socket of the Linux engine. */
export function socketOptions(
  { mark: said, interface: device, freeBind, tcpUserTimeout: userTimeoutMs, installRules }: Config,
): SocketOptions {
  const mark = said ?? (installRules ? OWN_MARK : undefined);
  return {
    freeBind,
    ...mark !== undefined && { mark },
    ...device !== undefined && { device },
    ...userTimeoutMs !== undefined && { userTimeoutMs },
  };
}

/** Options of outgoing connections that the kernel may refuse, and the text of the error. */
const refusable = [
  ["mark", "this user may not: it needs CAP_NET_ADMIN"],
  ["interface", "this host has none of that name, or this user may not"],
] as const;

/**
 * Throws NetError if the kernel refuses an option that every session needs. `keys` are the options tried, on a socket that is
 * never connected.
 */
export function checkSocketOptions(
  libc: Libc,
  config: Config,
  keys: readonly OptionKey[] = ["mark", "interface"],
): void {
  for (const [key, state] of refusable) {
    if (config[key] === undefined || !keys.includes(key)) continue;
    const fd = libc.socket(family("0.0.0.0"), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return; // the listener reports the reason
    const options = socketOptions({
      ...config,
      mark: undefined,
      installRules: false,
      interface: undefined,
      [key]: config[key],
    });
    const errno = setOutgoing({ libc, options }, fd);
    libc.close(fd);
    if (errno === undefined) continue;
    const { kind, message } = errnoError(errno, `dial with`, `${flagName(key)} ${config[key]}`);
    throw new NetError(kind, `${message} (${state})`);
  }
}

/** Throws ConfigError if `config` uses an option of the Linux engine only. */
export function refuseSocketOptions(config: Config): void {
  for (const key of ["mark", "interface", "freeBind", "tcpUserTimeout", "workers", "busyPoll", "takeOver"] as const) {
    if (config[key]) throw new ConfigError(`Cannot use ${flagName(key)}: only the Linux engine can`);
  }
  refuseSystemd(config);
}

/** The same for listeners, fake DNS and rules, which a reload may add. */
export function refuseSystemd(
  { listen, fakeDns, installRules }: Pick<Config, "listen" | "fakeDns" | "installRules">,
): void {
  if (listen.some(({ only }) => isRouted(only))) {
    throw new ConfigError("Cannot listen on transparent://: only the Linux engine can");
  }
  if (fakeDns.length > 0 || installRules) {
    throw new ConfigError(
      `Cannot use ${fakeDns.length > 0 ? "--fake-dns" : "--install-rules"}: only the Linux engine can`,
    );
  }
  if (listen.some(({ systemd }) => systemd !== undefined)) {
    throw new ConfigError("Cannot listen on systemd: only the Linux engine can");
  }
}
