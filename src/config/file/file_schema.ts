import * as v from "valibot";
import { familyChoices } from "../../gateway/rules/rule.ts";
import { outgoingPers } from "../../gateway/way_out.ts";
import { upstreamName, upstreamPolicies } from "../../gateway/upstreams/upstream.ts";
import { Command, commandName } from "../../protocol/codes.ts";
import { MAX_HOPS } from "../../sockslib/chain/hop.ts";
import { WrongValue } from "../config_error.ts";
import { fileKey, flagName, type OptionKey, optionKeys, optionOf } from "../options.ts";
import { parseListener } from "../values/listen.ts";
import { checkCredential } from "../values/user.ts";
import { NO_PROXY_PROTOCOL, parseForwardListen, parseProxyProtocol } from "../values/forward.ts";
import {
  parseCount,
  parseHopUrl,
  parseInterface,
  parseMark,
  parseNameValue,
  parsePortOrRange,
  parsePrefixValue,
  parseSize,
  parseTarget,
  parseTime,
} from "../values/values.ts";
import { parseQuotaPeriod, parseQuotaSize } from "../values/quota_value.ts";
import { byFamily, parseOutgoing } from "../values/way_out_value.ts";

/**
 * The schema of the file: a key for each option, [[users]], [[access]], [[forwards]], [[upstreams]] and [[rules]]. The JSON
 * Schema for editors is made from it. It checks only the types of options, since their texts are parsed as those of flags.
 */

const relayTypes = ["A", "B", "C", "D"] as const;

/** Maximum chains of one upstream: each is probed. */
const MAX_CHAINS = 64;

/** The message for a value that is not a string; describe() says how to make one. */
export const NO_TEXT = "is not a text";

const text = () => v.string(NO_TEXT);
const oneOf = <const T extends string>(choices: readonly T[]) =>
  v.picklist(choices, `is not one of ${choices.join(", ")}`);

/** A command by its name. */
const command = v.pipe(
  oneOf(Object.values(Command).filter((one) => one !== Command.UdpInTcp).map(commandName)), // rules treat it as udp-associate
  v.transform((name) => Object.values(Command).find((one) => commandName(one) === name)!),
);

function oneOrMore<T extends v.GenericSchema>(schema: T) {
  const list = v.pipe(v.array(schema, "is not a list"), v.minLength(1, "is empty; leave it out"));
  return v.pipe(
    v.union([schema, list], "is neither a value nor a list of them"),
    v.transform((value) => (Array.isArray(value) ? value : [value]) as readonly v.InferOutput<T>[]),
  );
}

/** A text or number that `parse` converts; `parse` throws WrongValue. */
function parsed<T extends v.GenericSchema<string | number>, R>(schema: T, parse: (text: string) => R) {
  return v.pipe(
    schema,
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(String(dataset.value));
      } catch (error) {
        if (!(error instanceof WrongValue)) throw error;
        addIssue({ message: error.message });
        return NEVER;
      }
    }),
  );
}

/** A table with these keys and no others. */
function table<T extends v.ObjectEntries>(entries: T) {
  return v.objectWithRest(entries, v.never(UNKNOWN), "is not a table");
}

/** The message for an unknown key; describe() makes it more precise. */
export const UNKNOWN = "is unknown";

function described<T extends v.GenericSchema>(schema: T, description: string) {
  return v.pipe(schema, v.description(description));
}

const prefixes = () => oneOrMore(parsed(text(), parsePrefixValue));

/** The shared limits of many sessions. */
const budget = () => ({
  bandwidth: described(
    v.optional(parsed(v.union([text(), v.number()], "is not a size"), parseSize)),
    "maximum bytes per second and direction of all its sessions together, for example 500k or 10M",
  ),
  max_sessions: described(v.optional(parsed(v.number("is not a number"), parseCount)), "maximum concurrent sessions"),
  max_rate: described(v.optional(parsed(v.number("is not a number"), parseCount)), "maximum new sessions per second"),
});

export type BudgetTexts = Partial<Record<keyof ReturnType<typeof budget>, number | undefined>>;

/** The source addresses, interface and mark. */
const wayOut = () => ({
  outgoing: described(
    v.optional(
      v.pipe(
        oneOrMore(parsed(text(), parseOutgoing)),
        v.check((hosts) => {
          let twice = false;
          byFamily(hosts, () => void (twice = true));
          return !twice;
        }, "has two of one family"),
      ),
    ),
    "source address of outgoing connections, or a prefix (2001:db8:1::/64); one per address family",
  ),
  outgoing_per: described(
    v.optional(oneOf(outgoingPers)),
    "share each address of the prefix per session, user or client (default session)",
  ),
  interface: described(
    v.optional(parsed(text(), parseInterface)),
    "interface of outgoing connections; Linux engine only",
  ),
  mark: described(
    v.optional(parsed(v.number("is not a number"), parseMark)),
    "mark of outgoing connections, for policy routing; Linux engine only",
  ),
});

const rule = v.pipe(
  table({
    name: described(v.optional(text()), "name of the rule in the log"),
    action: described(oneOf(["allow", "deny"]), "action for requests that match"),
    from: described(v.optional(prefixes()), "clients from there"),
    listener: described(v.optional(oneOrMore(parsed(text(), parseListener))), "listeners, written as in listen"),
    users: described(v.optional(oneOrMore(text())), "authenticated user names"),
    commands: described(v.optional(oneOrMore(command)), "commands"),
    to: described(
      v.optional(prefixes()),
      "destination prefixes; an allow rule also opens destinations that are closed by default",
    ),
    names: described(
      v.optional(oneOrMore(parsed(text(), parseNameValue))),
      "destination names: example.org, *.example.org for all names below it, .example.org for both, * for every name",
    ),
    to_file: described(
      v.optional(oneOrMore(text())),
      "files with more prefixes for to: one per line, # starts a comment",
    ),
    names_file: described(v.optional(oneOrMore(text())), "files with more names: one per line, # starts a comment"),
    ports: described(
      v.optional(oneOrMore(parsed(v.union([text(), v.number()], "is not a port"), parsePortOrRange))),
      'ports: 443 or "8000-8999"',
    ),
    relay: described(v.optional(oneOrMore(oneOf(relayTypes))), "IPv4 to IPv4 is A, 4 to 6 B, 6 to 4 C, 6 to 6 D"),
    family: described(v.optional(oneOf(familyChoices)), "address family to use, or to try first"),
    via: described(
      v.optional(
        v.pipe(
          oneOrMore(parsed(text(), parseVia)),
          v.maxLength(MAX_HOPS, `has more than ${MAX_HOPS} gateways`),
          v.check(
            (via) => via.length === 1 || via.every((one) => one.includes("://")),
            "wants URLs, or one name alone",
          ),
        ),
      ),
      "upstream gateways of one chain, nearest first, for example socks5://192.0.2.1:1080; or the name of an [[upstreams]] table",
    ),
    ...budget(),
    ...wayOut(),
  }),
  v.check(
    ({ action, ...rest }) => action === "allow" || !Object.keys(budget()).some((key) => key in rest),
    "bandwidth, max_sessions and max_rate go with allow only",
  ),
  v.check(
    ({ action, ...way }) => action === "allow" || !Object.keys(wayOut()).some((key) => key in way),
    "outgoing, outgoing_per, interface and mark go with allow only",
  ),
  v.check(({ action, family }) => action === "allow" || family === undefined, "family goes with allow only"),
  v.check(({ action, via }) => action === "allow" || via === undefined, "via goes with allow only"),
);

const access = v.pipe(
  table({
    from: described(v.optional(prefixes()), "clients from there"),
    listener: described(v.optional(oneOrMore(parsed(text(), parseListener))), "listeners, written as in listen"),
    auth: described(
      v.optional(oneOf(["none", "password"])),
      "whether these clients must authenticate",
    ),
    ...budget(),
  }),
  v.check((entry) => ["auth", ...Object.keys(budget())].some((key) => key in entry), "needs authentication or a limit"),
);

const chain = v.pipe(
  oneOrMore(parsed(text(), parseHopUrl)),
  v.maxLength(MAX_HOPS, `has more than ${MAX_HOPS} gateways`),
);

const upstream = table({
  name: described(
    v.pipe(text(), v.regex(upstreamName, "is not a valid name (letters, digits, '.', '_' and '-')")),
    "name that rules use in via",
  ),
  chains: described(
    v.pipe(
      v.array(chain, "is not a list"),
      v.minLength(1, "is empty"),
      v.maxLength(MAX_CHAINS, `has more than ${MAX_CHAINS}`),
    ),
    "chains, each a URL or a list of URLs, nearest gateway first",
  ),
  policy: described(v.optional(oneOf(upstreamPolicies), "in-order"), "how to choose among the chains that are up"),
  probe: described(
    v.optional(parsed(text(), parseTarget)),
    "destination of probes, for example example.org:443 (default: the last gateway of the chain)",
  ),
  ...wayOut(),
});

const user = v.pipe(
  table({
    name: described(
      parsed(text(), checked("name")),
      "user name that the client sends, or its Kerberos principal (alice@EXAMPLE.ORG)",
    ),
    password: described(
      v.optional(parsed(v.string(NO_TEXT), checked("password"))),
      "password in clear text; password_file is safer",
    ),
    password_file: described(
      v.optional(text()),
      "file that contains only the password; without both, the password is in users_file, or the user has a Kerberos ticket",
    ),
    ...budget(),
    quota: described(
      v.optional(parsed(v.union([text(), v.number()], "is not a size"), parseQuotaSize)),
      "octets that its sessions may relay in a period, both ways together: 500M, 50G, 2T; quota_file keeps the count",
    ),
    quota_period: described(
      v.optional(parsed(text(), parseQuotaPeriod)),
      "day or month (of UTC), or a time from the first octet on, as 7d or 12h (default month)",
    ),
    ...wayOut(),
  }),
  v.check(
    ({ quota, quota_period }) => quota !== undefined || quota_period === undefined,
    "has a quota_period, and no quota",
  ),
  v.check(
    ({ password, password_file }) => password === undefined || password_file === undefined,
    "give one of password and password_file, not both",
  ),
);

const forward = v.pipe(
  table({
    listen: described(parsed(text(), parseForwardListen), "address to listen on"),
    to: described(parsed(text(), (text) => parseTarget(text)), "destination, for example server.example:22"),
    via: described(v.optional(chain), "upstream gateways of one chain, nearest first, as in a rule"),
    proxy_protocol: described(
      v.optional(parsed(v.union([text(), v.number()], "is not a number"), parseProxyProtocol)),
      "send the client's address to the destination by this version of the PROXY protocol: 1 or 2",
    ),
    idle_timeout: described(
      v.optional(parsed(v.union([text(), v.number()], "is not a time"), (text) => parseTime(text))),
      "idle timeout (default: the idle_timeout of the file)",
    ),
  }),
  v.check(({ listen, proxy_protocol }) => !listen.udp || proxy_protocol === undefined, NO_PROXY_PROTOCOL),
);

export const fileSchema = table({
  ...optionEntries(),
  forwards: described(
    v.optional(v.array(forward, "is not a list of tables")),
    "forwarded ports, in addition to forward",
  ),
  users: described(v.optional(v.array(user, "is not a list of tables")), "users, in addition to users_file"),
  access: described(
    v.optional(v.array(access, "is not a list of tables")),
    "authentication and limits per listener and client; the first match counts",
  ),
  upstreams: described(v.optional(v.array(upstream, "is not a list of tables")), "groups of upstream chains"),
  rules: described(v.optional(v.array(rule, "is not a list of tables")), "rules for requests; the first match counts"),
});

export type FileTables = Pick<
  v.InferOutput<typeof fileSchema>,
  "users" | "access" | "rules" | "upstreams" | "forwards"
>;

function optionEntries(): v.ObjectEntries {
  const keys = optionKeys.filter((key) => !optionOf(key).notInFile);
  return Object.fromEntries(keys.map((key) => [fileKey(key), described(v.optional(optionSchema(key)), help(key))]));
}

function optionSchema(key: OptionKey): v.GenericSchema {
  const { accepts, choices, many } = optionOf(key);
  const schemas = accepts.map((type) =>
    type === "string" ? choices ? oneOf(choices) : text() : type === "number" ? v.number("is not a number") : v.boolean(
      "is neither true nor false",
    )
  );
  const schema = schemas.length === 1 ? schemas[0]! : v.union(schemas, "is neither text nor a number");
  return many ? oneOrMore(schema) : schema;
}

function help(key: OptionKey): string {
  const { fallback } = optionOf(key);
  const more = fallback ? ` (default ${fallback.join(", ")})` : "";
  return `${optionOf(key).help}${more}; as ${flagName(key)}`;
}

/** A URL, or the name of an upstream. */
function parseVia(text: string): string {
  return upstreamName.test(text) ? text : parseHopUrl(text);
}

function checked(what: "name" | "password") {
  return (text: string) => {
    checkCredential(what, text);
    return text;
  };
}
