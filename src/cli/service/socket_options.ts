import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/error.ts";
import { flagName } from "../../config/options.ts";
import type { SocketOptions } from "../../net/linux/engine.ts";

/** What the configuration wants of every socket of the Linux engine. */
export function socketOptions(
  { mark, interface: device, freeBind, tcpUserTimeout: userTimeoutMs }: Config,
): SocketOptions {
  return {
    freeBind,
    ...mark !== undefined && { mark },
    ...device !== undefined && { device },
    ...userTimeoutMs !== undefined && { userTimeoutMs },
  };
}

/** Throws ConfigError where something is asked for that only the Linux engine can do. */
export function refuseSocketOptions(config: Config): void {
  for (const key of ["mark", "interface", "freeBind", "tcpUserTimeout", "workers", "busyPoll", "takeOver"] as const) {
    if (config[key]) throw new ConfigError(`Cannot use ${flagName(key)}: only the Linux engine can`);
  }
  refuseSystemd(config);
}

/** The same for listeners, which a reload may bring. */
export function refuseSystemd({ listen }: Pick<Config, "listen">): void {
  if (listen.some(({ systemd }) => systemd !== undefined)) {
    throw new ConfigError("Cannot listen on systemd: only the Linux engine can");
  }
}
