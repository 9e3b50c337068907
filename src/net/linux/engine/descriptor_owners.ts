/**
 * Which thread owns which descriptor of the process, in memory that threads share: descriptors outlive a dead thread,
 * so the thread that notices its death closes them.
 */
export class DescriptorOwners {
  readonly memory: SharedArrayBuffer;
  readonly #owners: Uint8Array;
  readonly #owner: number;

  /** For the thread `owner`, 1 to 255. */
  constructor(memory: SharedArrayBuffer, owner: number) {
    this.memory = memory;
    this.#owners = new Uint8Array(memory);
    this.#owner = owner;
  }

  /** A descriptor beyond the table is not noted. */
  add(fd: number): void {
    this.#owners[fd] = this.#owner;
  }

  /** Call it before the descriptor is closed: right after, the number may belong to another thread. */
  remove(fd: number): void {
    this.#owners[fd] = 0;
  }

  /** The descriptors of the thread. */
  owned(): number[] {
    const owned: number[] = [];
    this.#owners.forEach((owner, fd) => {
      if (owner === this.#owner) owned.push(fd);
    });
    return owned;
  }
}
