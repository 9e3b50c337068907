import { ConfigError } from "../../config/config_error.ts";
import { type NamePattern, parseNamePattern } from "../../gateway/rules/name_pattern.ts";
import type { Rule } from "../../gateway/rules/rule.ts";
import { parsePrefix, type Prefix } from "../../protocol/ip/prefix.ts";
import { Exclusions } from "../../sockslib/socksify/exclusions.ts";

/** Destinations reached directly from this host, although other gateways are configured. */
export interface Direct {
  /** Rules that belong before the rules with gateways. */
  readonly rules: readonly Rule[];
  /** True if a name is resolved on this host. */
  readonly has: (name: string) => boolean;
}

/** Parses `--direct`, in the format of the preload's GATE46_SOCKSIFY_DIRECT. Throws ConfigError. */
export function parseDirect(texts: readonly string[]): Direct {
  const entries = texts.flatMap((text) => text.split(/[\s,]+/)).filter(Boolean);
  const exclusions = refusing(() => new Exclusions(entries.join(",")));
  const to: Prefix[] = [], names: NamePattern[] = [];
  for (const entry of entries) {
    const prefix = entry === "*" ? undefined : parsePrefix(entry.replace(/^\[(.*)\]/, "$1"));
    if (prefix) to.push(prefix);
    else if (entry === "*") return { rules: [{ name: "--direct", action: "allow" }], has: () => true };
    else names.push(refusing(() => pattern(entry)));
  }
  return {
    rules: [
      ...to.length > 0 ? [{ name: "--direct", action: "allow", to } as const] : [],
      ...names.length > 0 ? [{ name: "--direct", action: "allow", names } as const] : [],
    ],
    has: (name) => exclusions.has(name),
  };
}

/** A pattern of a name and all names below it. Throws SyntaxError. */
function pattern(entry: string): NamePattern {
  const read = parseNamePattern(`.${entry.replace(/^\*?\./, "").replace(/\.$/, "")}`);
  if (!read) throw new SyntaxError(`'${entry}' is not a name, address or prefix`);
  return read;
}

function refusing<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new ConfigError(`Cannot parse --direct: ${(error as Error).message}`);
  }
}
