import { foldName, parseIp } from "../../protocol/address.ts";
import { parsePrefix, type Prefix } from "../../protocol/ip/prefix.ts";

/**
 * Destinations that go directly, in the form of NO_PROXY: `*`, `example.org` (with all below it; `.example.org` and
 * `*.example.org` mean the same), addresses and prefixes, separated by commas or blanks. Throws SyntaxError with the
 * invalid entry.
 */
export class Exclusions {
  readonly #all: boolean;
  readonly #names = new Set<string>();
  readonly #prefixes: Prefix[] = [];

  constructor(text: string) {
    const entries = text.split(/[\s,]+/).filter(Boolean);
    this.#all = entries.includes("*");
    for (const entry of entries) {
      if (entry === "*") continue;
      const prefix = parsePrefix(entry.replace(/^\[(.*)\]/, "$1"));
      const name = foldName(entry.replace(/^\*?\./, ""));
      if (prefix) this.#prefixes.push(prefix);
      else if (/^[^\s:/*[\]]+$/.test(name) && !/^[\d.]+$/.test(name)) this.#names.add(name);
      else throw new SyntaxError(`'${entry}' is not a name, address or prefix`);
    }
  }

  /** True if `host`, a name or an IP literal, is excluded. A name is matched by itself, never by its addresses. */
  has(host: string): boolean {
    if (this.#all) return true;
    const octets = parseIp(host);
    if (octets) return this.#prefixes.some((prefix) => prefix.contains(octets));
    for (let name = foldName(host); name;) {
      if (this.#names.has(name)) return true;
      const dot = name.indexOf(".");
      if (dot < 0) break;
      name = name.slice(dot + 1);
    }
    return false;
  }
}
