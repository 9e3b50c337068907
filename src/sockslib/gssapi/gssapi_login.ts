import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import type { GssContext, GssInitiator } from "../../net/gss/gss.ts";
import type { Decode } from "../../protocol/cursor.ts";
import {
  decodeGssMessage,
  encodeGssMessage,
  GssMessageType,
  type Protection,
  protectionOctet,
  protectionOf,
  wrapHeader,
} from "../../protocol/gssapi.ts";
import type { Asker } from "../../turns/fair_queue.ts";
import { Encapsulation } from "./encapsulation.ts";

/** Maximum context tokens of one gateway: Kerberos needs one. */
const MAX_ROUNDS = 4;

/** The required identity of a gateway, and the minimum protection level. */
export interface GssapiWish {
  /** service@host, or a principal if it has a slash. */
  readonly target: string;
  readonly least: Protection;
}

export interface GssapiMeans {
  readonly clock: Clock;
  /** The asker of tickets. */
  readonly asker: Asker;
  /** Fires when the login is no longer wanted. */
  readonly cut?: Cut | undefined;
}

/** Messages over the connection to a gateway. */
export interface GssapiWire {
  take<T>(decode: Decode<T>): Promise<T>;
  send(bytes: Uint8Array): Promise<void>;
}

/** The obstacle; never with credentials. */
export class LoginRefused extends Error {
  override readonly name = "LoginRefused";
}

/**
 * The client's half of RFC 1961 s3 and s4, once method 01 is chosen: resolves with the encapsulation of later octets, undefined
 * for none. Rejects with LoginRefused, NetError, or as the wire does.
 */
export async function logInByGssapi(
  wire: GssapiWire,
  initiator: GssInitiator,
  { target, least }: GssapiWish,
  { clock, asker, cut }: GssapiMeans,
): Promise<Encapsulation | undefined> {
  const initiation = initiator.initiate(target);
  let kept = false;
  try {
    let token = await initiation.step(new Uint8Array(0), asker, cut);
    for (let round = 1; token.length > 0 || !initiation.context; round++) {
      if (round > MAX_ROUNDS) throw new LoginRefused(`has no context within ${MAX_ROUNDS} tokens`);
      await wire.send(encodeGssMessage(GssMessageType.Context, token));
      if (initiation.context) break;
      token = await initiation.step(await tokenOf(wire, GssMessageType.Context), asker, cut);
    }
    const { context } = initiation;
    if (!context.mutual) throw new LoginRefused("does not show who it is");
    const { protection, last } = await agree(wire, context, least);
    if (protection === "none") return undefined;
    const encapsulation = new Encapsulation(context, protection === "confidentiality", last, clock);
    kept = true;
    return encapsulation;
  } finally {
    initiation.close();
    if (!kept) initiation.context?.close();
  }
}

/** Requests the minimum level, and accepts any that is not lower. */
async function agree(
  wire: GssapiWire,
  context: GssContext,
  least: Protection,
): Promise<{ readonly protection: Protection; readonly last: number }> {
  const wish = Uint8Array.of(protectionOctet(least));
  await wire.send(encodeGssMessage(GssMessageType.Protection, context.wrap(wish, false, 0)));
  const token = await tokenOf(wire, GssMessageType.Protection);
  const header = wrapHeader(token);
  const { bytes } = context.unwrap(token);
  const protection = bytes.length === 1 ? protectionOf(bytes[0]!) : undefined;
  if (!header?.byAcceptorKey || protection === undefined) throw new LoginRefused("answers with no level of protection");
  if (protectionOctet(protection) < protectionOctet(least)) {
    throw new LoginRefused(`gives the level ${protection} where ${least} is the least`);
  }
  return { protection, last: header.sequence };
}

async function tokenOf(wire: GssapiWire, wanted: number): Promise<Uint8Array> {
  const { type, token } = await wire.take(decodeGssMessage);
  if (type === GssMessageType.Abort) throw new LoginRefused("takes no such ticket");
  if (type !== wanted) throw new LoginRefused(`sends a message of type ${type} where one of type ${wanted} is due`);
  return token.slice();
}
