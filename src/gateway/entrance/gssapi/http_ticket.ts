import { NetError } from "../../../net/error.ts";
import type { GssContext } from "../../../net/gss/gss.ts";
import type { GssapiDoor } from "./gssapi_negotiation.ts";

/** The result of a ticket in a request: the client's name, or why it is refused, for the log. */
export type TicketOutcome = { readonly username: string } | { readonly refused: string };

/** Negotiate (RFC 4559): a whole context in one token, since a connection takes one request. Nothing is protected by it. */
export function acceptTicket({ acceptor, settings }: GssapiDoor, token: Uint8Array): TicketOutcome {
  let context: GssContext | undefined;
  try {
    context = acceptor.accept(true);
    context.step(token);
    if (!context.established) return { refused: "its ticket takes more than one token" };
    const username = settings.gssapiUser === "local" ? context.peerLocally : context.peer;
    return username === undefined ? { refused: `no local name for ${context.peer}` } : { username };
  } catch (error) {
    if (error instanceof NetError) return { refused: error.message };
    throw error;
  } finally {
    context?.close();
  }
}
