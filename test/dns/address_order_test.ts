import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ordered } from "../../src/dns/address_order.ts";

const G4 = "198.51.100.1",
  G6 = "2001:db8:1::1",
  ULA = "fd00:1::1",
  LINK6 = "fe80::1",
  SIX_TO_FOUR = "2002:c633:6401::1";
const D4 = "203.0.113.1", D6 = "2001:db8:5::1";

/** RFC 6724 s10.2, for a host with one source address for each destination. */
const rows: readonly (readonly [what: string, sources: Readonly<Record<string, string>>, order: readonly string[]])[] =
  [
    ["IPv6 before IPv4", { [D4]: G4, [D6]: G6 }, [D6, D4]],
    ["an unreachable address last", { [D4]: G4 }, [D4, D6]],
    ["IPv4 before IPv6 without a global source", { [D4]: G4, [D6]: LINK6 }, [D4, D6]],
    ["IPv4 before global IPv6 from a ULA", { [D4]: G4, [D6]: ULA }, [D4, D6]],
    ["IPv4 before IPv6 from 6to4", { [D4]: G4, [D6]: SIX_TO_FOUR }, [D4, D6]],
    ["native IPv6 before 6to4", { "2002:cb00:7101::1": SIX_TO_FOUR, [D6]: G6 }, [D6, "2002:cb00:7101::1"]],
    ["IPv4 before a ULA", { [D4]: G4, "fd00:2::1": ULA }, [D4, "fd00:2::1"]],
    ["the nearer network", { "2001:db8:9::1": G6, "2001:db8:1::9": G6 }, ["2001:db8:1::9", "2001:db8:9::1"]],
    ["IPv4 addresses as the server gave them", { "203.0.113.9": G4, [D4]: G4 }, ["203.0.113.9", D4]],
  ];

describe("Addresses in the order of RFC 6724", () => {
  for (const [what, sources, order] of rows) {
    test(what, async () => {
      const net = { localAddrFor: (host: string) => Promise.resolve(sources[host]) };
      assert.deepEqual(await ordered(net, order), order);
      const fixed = what.endsWith("gave them");
      assert.deepEqual(await ordered(net, order.toReversed()), fixed ? order.toReversed() : order);
    });
  }
});
