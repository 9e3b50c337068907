import { Method, SOCKS_VERSION } from "../../protocol/codes.ts";
import { encodeMethodSelection } from "../../protocol/negotiation.ts";
import { decodeRequest, encodeReply } from "../../protocol/request.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import { SOCKS4_VERSION } from "../../protocol/socks4.ts";
import type { Entrance } from "./entrance.ts";
import { negotiate } from "./methods.ts";

/** SOCKS5 with username and password, by GSSAPI, or without (RFC 1928, RFC 1929, RFC 1961). Any conversation that fits no other protocol is treated as SOCKS5. */
export const socks5: Entrance = {
  protocol: "socks5",
  fits: (first) => first === SOCKS_VERSION,
  answer: ({ reply, bound }) => encodeReply(reply, bound),
  async take(door) {
    const { wire, record } = door;
    const negotiated = await negotiate(wire, door);
    const { method, username, detail } = negotiated;
    if (method !== undefined) record.method = method;
    if (username !== undefined) record.username = username;
    if (detail !== undefined) record.detail = detail;
    if (negotiated.failed) return negotiated.failed;
    const { protection, encapsulation } = negotiated;
    if (protection !== undefined) record.protection = protection;
    return await (encapsulation ? door.encapsulate!(encapsulation) : wire).take(decodeRequest);
  },
  turnAway: () => encodeMethodSelection(Method.NoneAcceptable),
};

/** SOCKS5 for clients that speak another protocol, by their first octet: the log says which. */
export const strangers: Readonly<Record<number, Entrance>> = {
  [SOCKS4_VERSION]: refusing("it is SOCKS4, which is off (--socks4)"),
  22: refusing("it looks like TLS, for which a listener is socks5s://, https:// or tls://"),
};

function refusing(state: string): Entrance {
  return { ...socks5, take: () => Promise.reject(new ProtocolError(`Cannot read a greeting: ${state}`)) };
}
