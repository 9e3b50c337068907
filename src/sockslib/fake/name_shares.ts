/** Names of a client examined in the search for an idle one. */
const LOOKS = 16;

/** The names in the table per client: each counts for the client that asked for it first. */
export class NameShares {
  /** Of one client. */
  readonly most: number;
  readonly #owners = new Map<number, string>();
  /** The names of a client, the most recently requested one at the end. */
  readonly #owned = new Map<string, Set<number>>();

  constructor(most: number) {
    this.most = most;
  }

  isUsedUp(client: string): boolean {
    return (this.#owned.get(client)?.size ?? 0) >= this.most;
  }

  give(number: number, client: string): void {
    this.takeBack(number);
    this.#owners.set(number, client);
    const owned = this.#owned.get(client) ?? new Set();
    owned.add(number);
    this.#owned.set(client, owned);
  }

  use(number: number): void {
    const owner = this.#owners.get(number);
    const owned = owner === undefined ? undefined : this.#owned.get(owner);
    if (owned?.delete(number)) owned.add(number);
  }

  takeBack(number: number): void {
    const owner = this.#owners.get(number);
    if (owner === undefined) return;
    this.#owners.delete(number);
    const owned = this.#owned.get(owner)!;
    owned.delete(number);
    if (owned.size === 0) this.#owned.delete(owner);
  }

  /** A few of the client's least recently requested names; the next call begins with others. */
  oldest(client: string): readonly number[] {
    const owned = this.#owned.get(client);
    const looked: number[] = [];
    for (const number of owned ?? []) {
      if (looked.push(number) >= LOOKS) break;
    }
    for (const number of looked) {
      owned!.delete(number);
      owned!.add(number);
    }
    return looked;
  }
}
