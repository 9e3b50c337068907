import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { systemClock } from "../../net/clock.ts";
import { EXPIRY_MS, FakeAddresses } from "../../sockslib/fake/fake_addresses.ts";
import { FakePool } from "../../sockslib/fake/fake_pool.ts";
import { FileJournal } from "../../sockslib/fake/file_journal.ts";
import { NamesReader, NamesWriter, sharedNamesSize } from "../../sockslib/fake/shared_names.ts";
import { RoutedDestinations } from "../../sockslib/transparent/routed_destinations.ts";

/** Maximum names at a time, whatever the size of the pools. */
const MAX_NAMES = 65_536;

type Pools = Pick<Config, "fakeIpv4" | "fakeIpv6">;

/** The table of fake addresses, which the main thread writes and all workers read. */
export interface NameTable {
  readonly memory: SharedArrayBuffer;
  readonly names: FakeAddresses;
  /** Releases the addresses that a dead worker had in use. */
  clear(worker: number): void;
  close(): void;
}

/** Time in the shared memory (s), by the wall clock, which is the same in all threads. */
const nowS = () => Math.floor(Date.now() / 1_000);

function most({ fakeIpv4, fakeIpv6 }: Pools): number {
  return Math.min(MAX_NAMES, ...[fakeIpv4, fakeIpv6].map((prefix) => new FakePool(prefix).size - 2));
}

/** `workers` are numbered from 1 on. Throws ConfigError. */
export function openNameTable(
  { fakeIpv4: ipv4, fakeIpv6: ipv6, fakeJournal }: Pools & Pick<Config, "fakeJournal">,
  workers: number,
): NameTable {
  const max = most({ fakeIpv4: ipv4, fakeIpv6: ipv6 });
  const memory = new SharedArrayBuffer(sharedNamesSize(max, workers));
  const elsewhere = new NamesWriter(memory, max, workers, nowS);
  const journal = fakeJournal === undefined ? undefined : new FileJournal(fakeJournal);
  try {
    const names = new FakeAddresses({ clock: systemClock, ipv4, ipv6, max, expiryMs: EXPIRY_MS, journal, elsewhere });
    return { memory, names, clear: (worker) => elsewhere.clear(worker - 1), close: () => journal?.close() };
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (code === undefined) throw error;
    throw new ConfigError(`Cannot use --fake-journal ${fakeJournal}: ${code}`);
  }
}

/** The table, as worker `number` of `workers` reads it; without a table, only real addresses are destinations. */
export function routedDestinations(
  memory: SharedArrayBuffer | undefined,
  pools: Pools,
  { number, workers }: { readonly number: number; readonly workers: number },
): RoutedDestinations {
  if (!memory) return new RoutedDestinations({ pin: () => undefined, unpin: () => {} }, []);
  const reader = new NamesReader(memory, most(pools), { reader: number - 1, readers: workers }, nowS);
  return new RoutedDestinations(reader, [pools.fakeIpv4, pools.fakeIpv6]);
}
