import process from "node:process";

/** The first descriptor that is passed (sd_listen_fds(3)); 0 to 2 are the standard ones. */
const FIRST = 3;

/** Sockets that systemd has opened for this program, with their names (sd_listen_fds_with_names(3)). */
export class Activation {
  readonly #names: readonly string[];

  private constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Reads the variables and removes them from the environment: they are for this process, not for its children. */
  static take(environment = process.env, pid = process.pid): Activation {
    const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment;
    for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete environment[name];
    const count = LISTEN_PID === String(pid) && /^\d{1,4}$/.test(LISTEN_FDS ?? "") ? Number(LISTEN_FDS) : 0;
    const names = LISTEN_FDNAMES?.split(":") ?? [];
    return new Activation(Array.from({ length: count }, (_, i) => names[i] || "unknown"));
  }

  /** Each once. */
  get names(): readonly string[] {
    return Array.from(new Set(this.#names));
  }

  get all(): readonly number[] {
    return this.descriptors("*");
  }

  /** Descriptors of that name; `*` means any name. */
  descriptors(name: string): readonly number[] {
    return this.#names.flatMap((one, i) => name === "*" || name === one ? [FIRST + i] : []);
  }
}
