import type { Clock } from "../../../net/clock.ts";
import { NetError } from "../../../net/error.ts";
import type { GssAcceptor, GssContext } from "../../../net/gss/gss.ts";
import {
  decodeGssMessage,
  encodeGssMessage,
  gssAbort,
  type GssMessage,
  GssMessageType,
  higherProtection,
  type Protection,
  protectionOctet,
  protectionOf,
  wrapHeader,
} from "../../../protocol/gssapi.ts";
import { ProtocolError } from "../../../protocol/protocol_error.ts";
import { Encapsulation } from "../../../sockslib/gssapi/encapsulation.ts";
import type { GatewaySettings } from "../../settings.ts";
import type { Wire } from "../wire.ts";

/** Maximum context tokens of one client: Kerberos needs one or two. */
const MAX_ROUNDS = 4;

/** GSSAPI settings. */
export interface GssapiDoor {
  readonly clock: Clock;
  readonly acceptor: GssAcceptor;
  readonly settings: Pick<GatewaySettings, "gssapiProtection" | "gssapiNec" | "gssapiUser" | "gssapiFirst">;
}

/** The result: the client's name and the encapsulation of later octets; or why the client was refused. */
export type GssapiOutcome =
  | { readonly username: string; readonly protection: Protection; readonly encapsulation: Encapsulation | undefined }
  | { readonly username?: string | undefined; readonly refused: string };

/** Why a client is refused, for the log. */
class GssRefusal extends Error {}

/**
 * RFC 1961 s3 and s4: context tokens, then the level of protection. The answers have been sent, a refusal as 01 FF. A ticket is checked
 * when its context is established: sessions outlive it, as they outlive certificates. Rejects as Wire does.
 */
export async function negotiateGssapi(wire: Wire, { acceptor, settings, clock }: GssapiDoor): Promise<GssapiOutcome> {
  let context: GssContext | undefined, username: string | undefined, kept = false;
  try {
    context = tried(() => acceptor.accept());
    await establish(wire, context);
    username = settings.gssapiUser === "local" ? context.peerLocally : context.peer;
    if (username === undefined) throw new GssRefusal(`no local name for ${context.peer}`);
    const { protection, last } = await agree(wire, context, settings);
    if (protection === "none") return { username, protection, encapsulation: undefined };
    const encapsulation = new Encapsulation(context, protection === "confidentiality", last, clock);
    kept = true;
    return { username, protection, encapsulation };
  } catch (error) {
    if (!(error instanceof GssRefusal)) throw error;
    await wire.send(gssAbort);
    return { username, refused: error.message };
  } finally {
    if (!kept) context?.close();
  }
}

async function establish(wire: Wire, context: GssContext): Promise<void> {
  for (let round = 1; !context.established; round++) {
    if (round > MAX_ROUNDS) throw new GssRefusal(`no context within ${MAX_ROUNDS} tokens`);
    const token = await tokenOf(wire, GssMessageType.Context);
    const answer = tried(() => context.step(token));
    if (!context.established || answer.length > 0) {
      await wire.send(encodeGssMessage(GssMessageType.Context, answer));
    }
  }
}

/** The level, and the sequence number of the token that requested it. */
async function agree(
  wire: Wire,
  context: GssContext,
  { gssapiProtection: least, gssapiNec }: GssapiDoor["settings"],
): Promise<{ readonly protection: Protection; readonly last: number | undefined }> {
  const token = await tokenOf(wire, GssMessageType.Protection);
  const bare = token.length === 1; // the variant of NEC's implementation, which some clients follow
  if (bare && !gssapiNec) throw new GssRefusal("its level of protection is not protected (--gssapi-nec takes it)");
  // A recorded token of another context is not under this key, so a replay is refused.
  const header = wrapHeader(token);
  if (!bare && !(context.mutual && header?.byAcceptorKey)) {
    throw new GssRefusal("the context is not by a key of both sides (mutual authentication, AES)");
  }
  const octets = bare ? token : tried(() => context.unwrap(token)).bytes;
  const asked = octets.length === 1 ? protectionOf(octets[0]!) : undefined;
  if (asked === undefined) throw new GssRefusal("it asks for a level of protection that there is not");
  const protection = higherProtection(asked, least);
  const choice = Uint8Array.of(protectionOctet(protection));
  const answer = bare ? choice : tried(() => context.wrap(choice, false, 0));
  await wire.send(encodeGssMessage(GssMessageType.Protection, answer));
  return { protection, last: header?.sequence };
}

/** A copy: the wire's view is valid until the next read only. */
async function tokenOf(wire: Wire, wanted: number): Promise<Uint8Array> {
  let message: GssMessage;
  try {
    message = await wire.take(decodeGssMessage);
  } catch (error) {
    if (error instanceof ProtocolError) throw new GssRefusal(error.message);
    throw error;
  }
  const { type, token } = message;
  if (type !== wanted) throw new GssRefusal(`a message of type ${type} where one of type ${wanted} is due`);
  if (token.length === 0) throw new GssRefusal("an empty token");
  return token.slice();
}

function tried<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw error instanceof NetError ? new GssRefusal(error.message) : error;
  }
}
