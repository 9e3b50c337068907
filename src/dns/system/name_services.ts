/** The `hosts:` line of nsswitch.conf(5), as far as reading files and asking DNS servers can reproduce it. */
export interface NameServices {
  /** `.local` is multicast DNS (RFC 6762), resolved by the system. */
  readonly multicast: boolean;
  /** This machine's own name and single labels are resolved by the system (nss-myhostname, nss-mymachines). */
  readonly machines: boolean;
  /** systemd-resolved comes first: its own DNS server gives the same answers, if it is the one that is asked. */
  readonly resolved: boolean;
}

/** The system's default. */
const USUAL = "files dns";

const multicast = new Set(["mdns_minimal", "mdns4_minimal", "mdns6_minimal"]);
const machines = new Set(["myhostname", "mymachines"]);

/** Undefined if only the system can follow the line: other services, another order, or other actions. */
export function parseNameServices(text: string): NameServices | undefined {
  const line = /^[ \t]*hosts:([^#\n]*)/m.exec(text)?.[1]?.trim() ?? USUAL;
  const said = new Set<string>();
  for (const [, name, action] of line.matchAll(/([^\s[\]]+)|\[([^\]]*)\]/g)) {
    if (name !== undefined) {
      if (!isKnown(name) || (name === "dns" && !said.has("files") && !said.has("resolve"))) return undefined;
      said.add(name);
    } else if (!isHarmless(action!, Array.from(said).at(-1))) return undefined;
  }
  const has = (names: ReadonlySet<string>) => Array.from(said).some((name) => names.has(name));
  const resolved = said.has("resolve");
  if (!said.has("files") && !resolved) return undefined;
  if (!said.has("dns") && !resolved) return undefined;
  return { multicast: has(multicast), machines: has(machines), resolved };
}

function isKnown(name: string): boolean {
  return name === "files" || name === "dns" || name === "resolve" || multicast.has(name) || machines.has(name);
}

/** Actions that distributions write behind such a service, and that change nothing here. */
function isHarmless(action: string, service: string | undefined): boolean {
  const plain = action.trim().toLowerCase().replace(/\s+/g, " ");
  if (plain === "success=return") return true;
  if (plain === "notfound=return") return service !== undefined && multicast.has(service);
  return plain === "!unavail=return" && (service === "resolve" || service === "dns");
}
