import { ConfigError } from "../../config/config_error.ts";
import { type NamePattern, parseNamePattern } from "../../gateway/rules/name_pattern.ts";
import type { Rule } from "../../gateway/rules/rule.ts";
import { parsePrefix, type Prefix } from "../../protocol/ip/prefix.ts";
import { Exclusions } from "../../sockslib/socksify/exclusions.ts";

/** What goes from this host directly, though other gateways are named. */
export interface Direct {
  /** They belong before those that name gateways. */
  readonly rules: readonly Rule[];
  /** Whether a name is resolved here. */
  readonly has: (name: string) => boolean;
}

/** Reads `--direct`, which is written as the preload's GATE46_SOCKSIFY_DIRECT. Throws ConfigError. */
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

/** A name with all below it. Throws SyntaxError. */
function pattern(entry: string): NamePattern {
  const read = parseNamePattern(`.${entry.replace(/^\*?\./, "").replace(/\.$/, "")}`);
  if (!read) throw new SyntaxError(`'${entry}' is no name, address or prefix`);
  return read;
}

function refusing<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new ConfigError(`Cannot parse --direct: ${(error as Error).message}`);
  }
}
