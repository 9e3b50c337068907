import { isPrefix, type OutgoingPer, outgoingPers, saysSomething, type WayOut } from "../../gateway/way_out.ts";
import { WrongValue } from "../config_error.ts";
import { parseChoice, parseHost, parseInterface, parseMark, parsePrefixValue } from "./values.ts";

/** The source addresses, interface and mark, as the user writes them. */
export interface WayOutTexts {
  readonly outgoing?: readonly string[] | undefined;
  readonly outgoing_per?: OutgoingPer | undefined;
  readonly interface?: string | undefined;
  readonly mark?: number | undefined;
}

/** The canonical text of an address or of a prefix. Throws WrongValue. */
export function parseOutgoing(text: string): string {
  if (!isPrefix(text)) return parseHost(text);
  const prefix = parsePrefixValue(text);
  return prefix.single ? parseHost(text.replace(/\/.*$/, "")) : String(prefix);
}

/** One address of each family; calls `wrong` for further ones. */
export function byFamily(
  hosts: readonly (string | undefined)[],
  wrong: (state: string, index: number) => void,
): Pick<WayOut, "ipv4" | "ipv6"> {
  const found: { ipv4?: string; ipv6?: string } = {};
  hosts.forEach((host, i) => {
    if (host === undefined) return; // reported already
    const family = host.includes(":") ? "ipv6" : "ipv4";
    if (found[family]) wrong("a second address of its family", i);
    found[family] = host;
  });
  return found;
}

/** The parsed form of checked texts; undefined if they set nothing. */
export function wayOutOf(
  { outgoing = [], outgoing_per: per, interface: device, mark }: WayOutTexts,
): WayOut | undefined {
  const way: WayOut = {
    ...byFamily(outgoing, () => {}),
    ...per !== undefined && { per },
    ...device !== undefined && { device },
    ...mark !== undefined && { mark },
  };
  return saysSomething(way) ? way : undefined;
}

/** The texts of a way out, without unset ones. */
export function wayOutTexts({ ipv4, ipv6, per, device, mark }: WayOut): WayOutTexts {
  const outgoing = [ipv4, ipv6].filter((host) => host !== undefined);
  return {
    ...outgoing.length > 0 && { outgoing },
    ...per !== undefined && { outgoing_per: per },
    ...device !== undefined && { interface: device },
    ...mark !== undefined && { mark },
  };
}

/** The query after a listener's address: `outgoing=IP|PREFIX&outgoing-per=user&interface=NAME&mark=N`. Throws WrongValue. */
export function parseWayOutQuery(query: string): WayOut | undefined {
  const outgoing: string[] = [];
  const said: { -readonly [K in keyof WayOutTexts]: WayOutTexts[K] } = {};
  for (const part of query.split("&")) {
    const [, key, value = ""] = /^([^=]*)(?:=(.*))?$/.exec(part)!;
    if (key === "outgoing") outgoing.push(valueOf(key, parseOutgoing, value));
    else if (key === "outgoing-per") {
      said.outgoing_per = valueOf(key, (text) => parseChoice(text, outgoingPers), value);
    } else if (key === "interface") said.interface = valueOf(key, parseInterface, value);
    else if (key === "mark") said.mark = valueOf(key, parseMark, value);
    else throw new WrongValue(`'${key}' is not one of outgoing, outgoing-per, interface and mark`);
  }
  if (said.outgoing_per && outgoing.length === 0) throw new WrongValue("outgoing-per needs outgoing");
  byFamily(outgoing, (state, i) => {
    throw new WrongValue(`'${outgoing[i]}' is ${state}`);
  });
  return wayOutOf({ ...said, outgoing });
}

/** Parses the value of `key`. Throws WrongValue, which names the key. */
function valueOf<T>(key: string, parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof WrongValue)) throw error;
    throw new WrongValue(`${key}: ${error.message}`);
  }
}
