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

const text = () => v.string("is no text");
const oneOf = <const T extends string>(choices: readonly T[]) =>
  v.picklist(choices, `is not one of ${choices.join(", ")}`);

/** A command by its name. */
const command = v.pipe(
  oneOf(Object.values(Command).filter((one) => one !== Command.UdpInTcp).map(commandName)), // rules treat it as udp-associate
  v.transform((name) => Object.values(Command).find((one) => commandName(one) === name)!),
);

function oneOrMore<T extends v.GenericSchema>(schema: T) {
  const list = v.pipe(v.array(schema, "is no list"), v.minLength(1, "is empty; leave it out"));
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
  return v.objectWithRest(entries, v.never(UNKNOWN), "is no table");
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
    v.optional(parsed(v.union([text(), v.number()], "is no size"), parseSize)),
    "bytes a second, each way, of all its sessions together: 500k, 10M",
  ),
  max_sessions: described(v.optional(parsed(v.number("is no number"), parseCount)), "its sessions at a time"),
  max_rate: described(v.optional(parsed(v.number("is no number"), parseCount)), "its new sessions a second"),
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
    "leave from this address, or from one of this prefix (2001:db8:1::/64); one for each family",
  ),
  outgoing_per: described(v.optional(oneOf(outgoingPers)), "who has one address of a prefix (default session)"),
  interface: described(v.optional(parsed(text(), parseInterface)), "leave by this interface; Linux engine"),
  mark: described(
    v.optional(parsed(v.number("is no number"), parseCount)),
    "mark it, for policy routing; Linux engine",
  ),
});

const rule = v.pipe(
  table({
    name: described(v.optional(text()), "what the log calls it"),
    action: described(oneOf(["allow", "deny"]), "what becomes of what fits"),
    from: described(v.optional(prefixes()), "clients from there"),
    listener: described(v.optional(oneOrMore(parsed(text(), parseListener))), "clients that come there, as in listen"),
    users: described(v.optional(oneOrMore(text())), "clients with one of these names"),
    commands: described(v.optional(oneOrMore(command)), "what the client wants"),
    to: described(v.optional(prefixes()), "destinations; also what opens those that are closed by default"),
    names: described(
      v.optional(oneOrMore(parsed(text(), parseNameValue))),
      "names that were asked for: example.org, *.example.org for all below it, .example.org for both, * for every name",
    ),
    to_file: described(v.optional(oneOrMore(text())), "files with more of to, a line each, # before comments"),
    names_file: described(v.optional(oneOrMore(text())), "files with more of names, a line each, # before comments"),
    ports: described(
      v.optional(oneOrMore(parsed(v.union([text(), v.number()], "is no port"), parsePortOrRange))),
      'ports: 443 or "8000-8999"',
    ),
    relay: described(v.optional(oneOrMore(oneOf(relayTypes))), "IPv4 to IPv4 is A, 4 to 6 B, 6 to 4 C, 6 to 6 D"),
    family: described(v.optional(oneOf(familyChoices)), "addresses to dial, or to dial first"),
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
      "the gateways of one chain, nearest first, as socks5://192.0.2.1:1080; or the name of one of [[upstreams]]",
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
    listener: described(v.optional(oneOrMore(parsed(text(), parseListener))), "clients that come there, as in listen"),
    auth: described(
      v.optional(oneOf(["none", "password"])),
      "whether they may go without a password, though there are users",
    ),
    ...budget(),
  }),
  v.check((entry) => ["auth", ...Object.keys(budget())].some((key) => key in entry), "says nothing of who comes so"),
);

const chain = v.pipe(
  oneOrMore(parsed(text(), parseHopUrl)),
  v.maxLength(MAX_HOPS, `has more than ${MAX_HOPS} gateways`),
);

const upstream = table({
  name: described(
    v.pipe(text(), v.regex(upstreamName, "is no name for it (letters, digits, '.', '_' and '-')")),
    "what rules call it",
  ),
  chains: described(
    v.pipe(
      v.array(chain, "is no list"),
      v.minLength(1, "is empty"),
      v.maxLength(MAX_CHAINS, `has more than ${MAX_CHAINS}`),
    ),
    "ways to go, each a URL or a list of them, nearest gateway first",
  ),
  policy: described(v.optional(oneOf(upstreamPolicies), "in-order"), "which of the chains that are up is taken"),
  probe: described(
    v.optional(parsed(text(), parseTarget)),
    "a destination that probes connect to, as example.org:443; without one they go to the last gateway of the chain",
  ),
  ...wayOut(),
});

const user = v.pipe(
  table({
    name: described(parsed(text(), checked("name")), "as the client says it, or its principal (alice@EXAMPLE.ORG)"),
    password: described(
      v.optional(parsed(v.string("is no text"), checked("password"))),
      "in clear; better password_file",
    ),
    password_file: described(
      v.optional(text()),
      "a file with the password alone in it; with neither, it is in users_file, or there is gssapi_keytab",
    ),
    ...budget(),
    quota: described(
      v.optional(parsed(v.union([text(), v.number()], "is no size"), parseQuotaSize)),
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
    "wants either password or password_file",
  ),
);

const forward = v.pipe(
  table({
    listen: described(parsed(text(), parseForwardListen), "who connects there goes on"),
    to: described(parsed(text(), (text) => parseTarget(text)), "to there, as server.example:22"),
    via: described(v.optional(chain), "the gateways of one chain to go through, nearest first, as a rule has them"),
    proxy_protocol: described(
      v.optional(parsed(v.union([text(), v.number()], "is no number"), parseProxyProtocol)),
      "of the PROXY protocol, by which the destination is told who it is: 1 or 2",
    ),
    idle_timeout: described(
      v.optional(parsed(v.union([text(), v.number()], "is no time"), (text) => parseTime(text))),
      "as idle_timeout, which holds where this is not said",
    ),
  }),
  v.check(({ listen, proxy_protocol }) => !listen.udp || proxy_protocol === undefined, NO_PROXY_PROTOCOL),
);

export const fileSchema = table({
  ...optionEntries(),
  forwards: described(
    v.optional(v.array(forward, "is no list of tables")),
    "ports that lead elsewhere, beside forward",
  ),
  users: described(v.optional(v.array(user, "is no list of tables")), "who may use it, beside users_file"),
  access: described(v.optional(v.array(access, "is no list of tables")), "how clients come in: the first that fits"),
  upstreams: described(v.optional(v.array(upstream, "is no list of tables")), "several ways to the same places"),
  rules: described(v.optional(v.array(rule, "is no list of tables")), "who may go where: the first that fits counts"),
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
    type === "string" ? choices ? oneOf(choices) : text() : type === "number" ? v.number("is no number") : v.boolean(
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
