import type { Certificate } from "../../admin/certificates.ts";
import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { fileKey, type OptionKey, optionKeys, optionOf } from "../../config/options.ts";
import type { Emit } from "../../events.ts";
import type { PasswordHash } from "../../gateway/users/password_hash.ts";
import { NetError } from "../../net/error.ts";
import { packedSize } from "../../gateway/rules/packed_rules.ts";
import { memoryCollector } from "../../net/open.ts";
import { systemClock } from "../../net/clock.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { addressText } from "../../protocol/address.ts";
import type { LoadedConfig, TomlText } from "../files/load_config.ts";
import type { ServedConfig, Service } from "../service/service.ts";
import { readNamedFiles } from "../files/named_files.ts";
import { log } from "../log/log.ts";
import { warnings } from "../files/warnings.ts";
import type { Systemd } from "../systemd/systemd.ts";

/** Minimum size of packed rules (octets) for which garbage is collected after a reload. */
const MUCH = 256 << 10;

const AGAIN_MS = 1_000;

const ending = "Cannot reload: the program is ending";

/** The program's current state: the configuration, its secrets and certificates. A reload replaces all at once. */
export interface Holding {
  loaded: ServedConfig;
  adminToken: string | undefined;
  certificates: readonly Certificate[];
  users: ReadonlyMap<string, PasswordHash>;
}

/** Reloads the configuration. */
export class Reload {
  readonly #service: Service;
  readonly #load: () => Promise<ServedConfig>;
  readonly #emit: Emit;
  readonly #systemd: Systemd;
  readonly #holds: Holding;
  #last: Promise<unknown> = Promise.resolve();
  /** A reload that has not begun yet: further requests share it. */
  #next: Promise<readonly string[]> | undefined;
  #ending = false;
  #giveUp = () => {};

  constructor(
    service: Service,
    holds: Holding,
    load: () => Promise<ServedConfig>,
    emit: Emit,
    systemd: Systemd,
  ) {
    this.#systemd = systemd;
    this.#service = service;
    this.#holds = holds;
    this.#load = load;
    this.#emit = emit;
  }

  /** The current state, with the certificates read then: the files may have changed since. */
  get holds(): Readonly<Holding> {
    return this.#holds;
  }

  get config(): Config {
    return this.#holds.loaded.config;
  }

  /**
   * The program is ending: refuses further reloads. Resolves when the running reload is over; a configuration
   * still being read is not waited for.
   */
  async end(): Promise<void> {
    this.#ending = true;
    this.#giveUp();
    await this.#last;
  }

  /** Resolves with the errors; if there are any, nothing has changed. Reloads run in turn; requests that wait share one. */
  run(): Promise<readonly string[]> {
    this.#next ??= this.#last.then(() => {
      this.#next = undefined;
      return this.#run();
    });
    this.#last = this.#next;
    return this.#next;
  }

  async #run(): Promise<readonly string[]> {
    if (this.#ending) return this.#refused([ending]);
    const before = this.#service.addrs;
    this.#systemd.reloading();
    try {
      // A new promise for each reload: a lasting promise would keep everything ever raced against it.
      const givenUp = new Promise<undefined>((resolve) => this.#giveUp = () => resolve(undefined));
      const loaded = await Promise.race([this.#load(), givenUp]);
      if (!loaded) throw new ConfigError(ending);
      refuseEmptied(this.#holds.loaded, loaded);
      refuseFixed(this.#holds.loaded, loaded);
      const { users, tls, adminToken } = await readNamedFiles(loaded, this.#holds.users);
      await this.#service.reload({ ...loaded, users, tls });
      Object.assign(this.#holds, { loaded, adminToken, certificates: tls.certificates, users });
    } catch (error) {
      if (!(error instanceof ConfigError || error instanceof NetError)) this.#emit({ type: "fault", error });
      return this.#refused(error instanceof ConfigError ? error.problems : [(error as Error).message]);
    } finally {
      if (!this.#ending) this.#systemd.ready();
    }
    await collectAfter(this.#holds.loaded);
    warnOf(this.#holds);
    const after = this.#service.addrs;
    this.#emit({ type: "reloaded", opened: without(after, before), closed: without(before, after) });
    return [];
  }

  #refused(problems: readonly string[]): readonly string[] {
    this.#emit({ type: "reload-refused", problems });
    return problems;
  }
}

/**
 * Collects garbage at once, and again when workers have released the former rules. Reading a large file takes a multiple of its
 * size, which a runtime would free late.
 */
export async function collectAfter({ rules }: ServedConfig): Promise<void> {
  if (packedSize(rules) < MUCH) return;
  const collect = await memoryCollector();
  collect();
  systemClock.after(AGAIN_MS, collect);
}

/** Logs warnings about a configuration that is valid, but should be changed. */
export function warnOf({ loaded, certificates }: Holding): void {
  for (const warning of warnings(loaded, certificates)) log.warning(warning);
}

/** Throws ConfigError if the file has become empty: it is being written, or the disk was full. */
function refuseEmptied(holds: LoadedConfig, { text: { file } }: LoadedConfig): void {
  const empty = (text?: TomlText) => text !== undefined && !text.table && text.toml.trim() === "";
  if (file && empty(file) && !empty(holds.text.file)) {
    throw new ConfigError(`Cannot use ${file.path}: it is empty now`);
  }
}

/** Throws ConfigError if an option has changed that needs a restart. */
function refuseFixed(holds: LoadedConfig, next: LoadedConfig): void {
  const texts = ({ effective }: LoadedConfig, key: OptionKey) => JSON.stringify(effective[key]?.texts);
  const changed = optionKeys.filter((key) => optionOf(key).fixed && texts(holds, key) !== texts(next, key));
  if (changed.length === 0) return;
  throw new ConfigError(...changed.map((key) => `Cannot change ${fileKey(key)}: that needs a restart`));
}

function without(all: readonly SocketAddr[], some: readonly SocketAddr[]): SocketAddr[] {
  const texts = new Set(some.map(addressText));
  return all.filter((addr) => !texts.has(addressText(addr)));
}
