import { Reply } from "../../protocol/codes.ts";
import { decodeSocks4Request, encodeSocks4Reply, SOCKS4_VERSION } from "../../protocol/socks4.ts";
import { Refusal } from "../rules/refusal.ts";
import type { Entrance } from "./entrance.ts";

/** SOCKS4 and SOCKS4A. They have no passwords, so they are refused where a password is required. */
export const socks4: Entrance = {
  protocol: "socks4",
  fits: (first) => first === SOCKS4_VERSION,
  answer: ({ reply, bound }) => encodeSocks4Reply(reply, bound),
  async take({ wire, record, mayGoWithout }) {
    const { userId, ...wish } = await wire.take(decodeSocks4Request);
    record.userId = userId;
    if (!mayGoWithout) throw new Refusal(Reply.NotAllowed, "SOCKS4 where passwords are asked for");
    return wish;
  },
  turnAway: () => encodeSocks4Reply(Reply.NotAllowed),
};
