import { type Address, addressText } from "../../protocol/address.ts";
import { Command, Method, methodName, Reply, SOCKS_VERSION } from "../../protocol/codes.ts";
import type { Decode } from "../../protocol/cursor.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import { decodeMethodSelection, decodeStatus, encodeCredentials, encodeGreeting } from "../../protocol/negotiation.ts";
import { decodeReply, encodeRequest, NO_ADDRESS, type RequestReply } from "../../protocol/request.ts";
import { NetError } from "../../net/error.ts";
import { LoginRefused } from "../gssapi/gssapi_login.ts";
import { type Hop, type HopGssapi, hopText } from "./hop.ts";
import type { HopWire } from "./hop_wire.ts";
import {
  decodeHttpStatus,
  encodeHttpConnect,
  PROXY_AUTHENTICATION_REQUIRED,
  replyOfStatus,
} from "../../protocol/http/http_connect.ts";
import { ReplyError } from "./reply_error.ts";

/**
 * The client's half of SOCKS (RFC 1928 s3, s4, s6, RFC 1929) on a connection to the first of `hops`, through all of them:
 * each connects to the next (RFC 3089 s4), and `command` is for the last. Resolves with the bound address of its reply.
 * Rejects with ReplyError, or with NetError if the conversation with a gateway failed.
 */
export async function converse(
  wire: HopWire,
  hops: readonly Hop[],
  command: Command,
  destination: Address,
): Promise<Address> {
  await passThrough(wire, hops);
  return await request(wire, hops, command, destination);
}

/** The second part: sends the request to the last gateway. */
export async function request(
  wire: HopWire,
  hops: readonly Hop[],
  command: Command,
  destination: Address,
): Promise<Address> {
  return await ask(wire, hops.at(-1)!, command, destination, true);
}

/** The first part: all other gateways have connected, and the last one has accepted the login. */
export async function passThrough(wire: HopWire, hops: readonly Hop[]): Promise<void> {
  for (const [i, hop] of hops.entries()) {
    const { proxyProtocol } = hop;
    if (proxyProtocol) await telling(hop, () => wire.introduce(proxyProtocol));
    if (hop.tls) await telling(hop, () => wire.secure(hop.address.host));
    if (hop.protocol === "socks5") await negotiate(wire, hop);
    if (i + 1 < hops.length) await ask(wire, hop, Command.Connect, hops[i + 1]!.address, false);
  }
}

/** The reply that comes without a request: BIND's second (RFC 1928 s6). */
export async function secondReply(wire: HopWire, hop: Hop): Promise<Address> {
  const { reply, bound } = await telling(hop, () => wire.take(decodeOutcome));
  if (reply !== Reply.Succeeded) throw new ReplyError(reply, "accept the peer", hopText(hop), true);
  return bound;
}

async function ask(
  wire: HopWire,
  hop: Hop,
  command: Command,
  destination: Address,
  last: boolean,
): Promise<Address> {
  const { reply, bound } = hop.protocol === "http"
    ? await askHttp(wire, hop, command, destination)
    : await telling(hop, async () => {
      await wire.send(encodeRequest({ command, destination }));
      return await wire.take(decodeOutcome);
    });
  if (reply !== Reply.Succeeded) throw new ReplyError(reply, verbs[command](destination), hopText(hop), last);
  return bound;
}

const verbs: Readonly<Record<Command, (destination: Address) => string>> = {
  [Command.Connect]: (destination) => `connect to ${addressText(destination)}`,
  [Command.Bind]: (destination) => `listen for ${addressText(destination)}`,
  [Command.UdpAssociate]: () => "associate",
  [Command.UdpInTcp]: () => "associate on its connection",
  [Command.Resolve]: (destination) => `resolve ${destination.host}`,
  [Command.ResolvePtr]: (destination) => `resolve ${destination.host}`,
  [Command.Forward]: (destination) => `connect to ${addressText(destination)}`,
};

async function askHttp(wire: HopWire, hop: Hop, command: Command, destination: Address): Promise<RequestReply> {
  if (command !== Command.Connect) return { reply: Reply.CommandNotSupported, bound: NO_ADDRESS };
  const status = await telling(hop, async () => {
    await wire.send(encodeHttpConnect(destination, hop.credentials));
    return await wire.take(decodeHttpStatus);
  });
  if (status === PROXY_AUTHENTICATION_REQUIRED) {
    throw refused(hop, `${hop.credentials ? "takes other" : "wants"} credentials`);
  }
  return { reply: replyOfStatus(status), bound: NO_ADDRESS };
}

async function negotiate(wire: HopWire, hop: Hop): Promise<void> {
  const problem = await telling(hop, () => logIn(wire, hop));
  if (problem) throw refused(hop, problem);
}

/** Method selection and its sub-negotiation; resolves with the obstacle, if any. */
async function logIn(wire: HopWire, { credentials, gssapi, address }: Hop): Promise<string | undefined> {
  wire.encapsulation = undefined; // which belonged to the gateway before
  if (gssapi) return await showTicket(wire, gssapi, address.host);
  const methods = credentials ? [Method.NoAuthentication, Method.UsernamePassword] : [Method.NoAuthentication];
  await wire.send(encodeGreeting({ methods }));
  const method = await wire.take(decodeMethodSelection);
  if (method === Method.NoAuthentication) return undefined;
  if (method === Method.NoneAcceptable) return credentials ? "takes no password" : "wants credentials";
  if (method !== Method.UsernamePassword || !credentials) return `chose ${methodName(method as Method)} unasked`;
  await wire.send(encodeCredentials(credentials));
  return await wire.take(decodeStatus) === 0 ? undefined : "takes other credentials";
}

/** Offers GSSAPI only. */
async function showTicket(wire: HopWire, { service, least }: HopGssapi, host: string): Promise<string | undefined> {
  await wire.send(encodeGreeting({ methods: [Method.Gssapi] }));
  const method = await wire.take(decodeMethodSelection);
  if (method === Method.NoneAcceptable) return "takes no ticket (GSSAPI)";
  if (method !== Method.Gssapi) return `chose ${methodName(method as Method)} unasked`;
  try {
    await wire.logIn({ target: /[/@]/.test(service) ? service : `${service}@${host}`, least });
    return undefined;
  } catch (error) {
    if (error instanceof LoginRefused) return error.message;
    throw error;
  }
}

function refused(hop: Hop, state: string): NetError {
  return new NetError("permission-denied", `Cannot log in to ${hopText(hop)}: it ${state}`);
}

/** The code of a failure is enough: the rest may be malformed, and the connection ends. */
const decodeOutcome: Decode<RequestReply> = (bytes) => {
  const failed = bytes.length > 1 && bytes[0] === SOCKS_VERSION && bytes[1] !== Reply.Succeeded;
  return failed ? { value: { reply: bytes[1]!, bound: NO_ADDRESS }, size: bytes.length } : decodeReply(bytes);
};

/** Adds the hop to the error of `talk`. */
async function telling<T>(hop: Hop, talk: () => Promise<T>): Promise<T> {
  try {
    return await talk();
  } catch (error) {
    if (!(error instanceof NetError || error instanceof ProtocolError)) throw error;
    const kind = error instanceof NetError ? error.kind : "other";
    throw new NetError(kind, `Cannot talk to ${hopText(hop)}: ${error.message}`, { cause: error });
  }
}
