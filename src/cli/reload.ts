import { ConfigError } from "../config/error.ts";
import { fileKey, type OptionKey, optionKeys, optionOf } from "../config/options.ts";
import type { Emit } from "../events.ts";
import { NetError } from "../net/error.ts";
import type { SocketAddr } from "../net/socket.ts";
import type { LoadedConfig } from "./config_file.ts";
import type { Service, Wanted } from "./service.ts";
import { readTlsFiles, tlsFilesOf } from "./tls_files.ts";
import { loadUsers } from "./users_file.ts";

/** Has a service serve by what the configuration says now. */
export class Reload {
  readonly #service: Service;
  readonly #load: () => Promise<LoadedConfig>;
  readonly #emit: Emit;
  #holds: LoadedConfig;
  #last: Promise<unknown> = Promise.resolve();

  constructor(service: Service, holds: LoadedConfig, load: () => Promise<LoadedConfig>, emit: Emit) {
    this.#service = service;
    this.#holds = holds;
    this.#load = load;
    this.#emit = emit;
  }

  /** Those that the configuration which holds was read from. */
  get files(): readonly string[] {
    const { config, text } = this.#holds;
    const ofUsers = [config.usersFile, ...config.users.map((user) => user.passwordFile)];
    const named = [text.file?.path, ...ofUsers, config.dnsCa, ...tlsFilesOf(config)];
    return named.filter((path) => path !== undefined);
  }

  /** What is wrong, where there is something: then all is as before. One reload waits for the one before. */
  run(): Promise<readonly string[]> {
    const run = this.#last.then(() => this.#run());
    this.#last = run;
    return run;
  }

  async #run(): Promise<readonly string[]> {
    const before = this.#service.addrs;
    try {
      const loaded = await this.#load();
      refuseFixed(this.#holds, loaded);
      await this.#service.reload(await wantedOf(loaded));
      this.#holds = loaded;
    } catch (error) {
      if (!(error instanceof ConfigError || error instanceof NetError)) this.#emit({ type: "fault", error });
      const problems = error instanceof ConfigError ? error.problems : [(error as Error).message];
      this.#emit({ type: "reload-refused", problems });
      return problems;
    }
    const after = this.#service.addrs;
    this.#emit({ type: "reloaded", opened: without(after, before), closed: without(before, after) });
    return [];
  }
}

/** Rejects with ConfigError. */
export async function wantedOf({ config, text }: LoadedConfig): Promise<Wanted> {
  return { config, text, users: await loadUsers(config.users, config.usersFile), tls: readTlsFiles(config) };
}

/** Throws ConfigError where an option has changed that is settled when the program starts. */
function refuseFixed(holds: LoadedConfig, next: LoadedConfig): void {
  const texts = ({ effective }: LoadedConfig, key: OptionKey) => JSON.stringify(effective[key]?.texts);
  const changed = optionKeys.filter((key) => optionOf(key).fixed && texts(holds, key) !== texts(next, key));
  if (changed.length === 0) return;
  throw new ConfigError(...changed.map((key) => `Cannot change ${fileKey(key)}: that needs a restart`));
}

function without(all: readonly SocketAddr[], some: readonly SocketAddr[]): SocketAddr[] {
  return all.filter(({ host, port }) => !some.some((other) => other.host === host && other.port === port));
}
