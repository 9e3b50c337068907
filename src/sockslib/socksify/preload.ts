/** Socksifies the program that it is loaded into: `deno run --preload`, `bun --preload`, `node --import`. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../net/clock.ts";
import { AddressType } from "../../protocol/codes.ts";
import { FakeAddresses } from "../fake/fake_addresses.ts";
import { Answers } from "./answers.ts";
import { socksifyBun } from "./bun/bun_globals.ts";
import { socksifyDeno } from "./deno/deno_globals.ts";
import { Destinations } from "./routing.ts";
import { gatewayUpstream } from "./gateway_upstream.ts";
import { socksifyNode } from "./node/node_modules.ts";
import { readSettings } from "./socksify_settings.ts";
import type { Socksifier } from "./socksifier.ts";

const { hops, direct } = readSettings((name) => process.env[name]);
const names = new FakeAddresses({ clock: systemClock });
const destinations = new Destinations(direct, names, hops[0].address);
const upstream = gatewayUpstream(hops);
const socksifier: Socksifier = {
  destinations,
  upstream,
  answers: new Answers(destinations, names, upstream.exists),
  pin: ({ type, host }) => type === AddressType.DomainName ? names.pin(host) : () => {},
};
if ("Bun" in globalThis) await socksifyBun(socksifier, fileURLToPath(import.meta.url));
else if ("Deno" in globalThis) await socksifyDeno(socksifier);
else socksifyNode(socksifier);
