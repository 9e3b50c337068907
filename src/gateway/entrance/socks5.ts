import { Method, SOCKS_VERSION } from "../../protocol/codes.ts";
import { encodeMethodSelection } from "../../protocol/negotiation.ts";
import { decodeRequest, encodeReply } from "../../protocol/request.ts";
import type { Entrance } from "./entrance.ts";
import { negotiate } from "./methods.ts";

/** SOCKS5 with username and password, or without (RFC 1928, RFC 1929). Whatever is no other protocol is taken for it. */
export const socks5: Entrance = {
  protocol: "socks5",
  fits: (first) => first === SOCKS_VERSION,
  answer: ({ reply, bound }) => encodeReply(reply, bound),
  async take(door) {
    const { wire, record } = door;
    const negotiated = await negotiate(wire, door);
    if (negotiated.username !== undefined) record.username = negotiated.username;
    if ("failed" in negotiated) return negotiated.failed;
    record.method = negotiated.method;
    return await wire.take(decodeRequest);
  },
  turnAway: () => encodeMethodSelection(Method.NoneAcceptable),
};
