/**
 * gate46: a dual-stack SOCKSv5 gateway (RFC 1928, RFC 1929, RFC 3089) on Deno and on Bun. Run it, or import its parts.
 */
import type { GssInitiator } from "./src/net/gss/gss.ts";
import { start } from "./src/cli/start.ts";

export { Gateway } from "./src/gateway/gateway.ts";
export { Ruleset } from "./src/gateway/rules/ruleset.ts";
export { Upstreams } from "./src/gateway/upstreams/upstreams.ts";
export { Users } from "./src/gateway/users/users.ts";
export { defaultSettings, type GatewaySettings } from "./src/gateway/settings.ts";
export { systemResolver } from "./src/dns/system/getaddrinfo.ts";
export { systemClock } from "./src/net/clock.ts";
export { openNet } from "./src/net/open.ts";
export { type BoundRendezvous, type CallOptions, Client, type ClientOptions } from "./src/sockslib/client.ts";
export type { Association } from "./src/sockslib/association.ts";
export { FakeAddresses } from "./src/sockslib/fake/fake_addresses.ts";
export { FileJournal } from "./src/sockslib/fake/file_journal.ts";
export { ReplyError } from "./src/sockslib/chain/reply_error.ts";
export { NetError } from "./src/net/error.ts";
export type { Event, SessionRecord } from "./src/events.ts";

/** What a Client with `?gssapi=SERVICE` in `via` is given as `gss`. Rejects with NetError where GSSAPI's library is not here. */
export const openGssInitiator = async (): Promise<GssInitiator> =>
  await (await import("./src/cli/service/threads/gss_asking.ts")).openInitiator(new URL(import.meta.url));

await start(import.meta.main, new URL(import.meta.url));
