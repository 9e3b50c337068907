import { NetError } from "../../net/error.ts";
import { Command, Method, Reply } from "../../protocol/codes.ts";
import { type HttpRequest, httpRequestDecoder } from "../../protocol/http/http_request.ts";
import {
  CONNECTED,
  encodeHttpAnswer,
  HttpResponseHeads,
  replySentence,
  statusOfReply,
} from "../../protocol/http/http_response.ts";
import { requestBody } from "../../protocol/http/http_body.ts";
import { usernameText } from "../../protocol/negotiation.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import { acceptTicket } from "./gssapi/http_ticket.ts";
import type { Answer, Door, Entrance } from "./entrance.ts";

/** Ask for credentials (RFC 7617), and for a ticket (RFC 4559). */
const basic = ["Proxy-Authenticate", 'Basic realm="gate46", charset="UTF-8"'] as const;
const negotiate = ["Proxy-Authenticate", "Negotiate"] as const;

const nothing = new Uint8Array(0);

const MALFORMED = "the request's body is not valid chunks (RFC 9112 s7.1)";

const answer: Answer = ({ reply, error }) => {
  if (reply === Reply.Succeeded) return CONNECTED;
  if (error instanceof ProtocolError) return encodeHttpAnswer(400, `gate46: ${error.message}`);
  const unable = error instanceof NetError && (error.kind === "busy" || error.kind === "no-descriptors");
  return encodeHttpAnswer(unable ? 503 : statusOfReply(reply), replySentence(reply));
};

/**
 * HTTP: CONNECT, and requests for http:// URLs, one per connection. The body is forwarded unchanged, octets behind it are not (RFC 9110 s7,
 * RFC 9112 s3.2). Basic credentials or a ticket, if authentication is required.
 */
export const http: Entrance = {
  protocol: "http",
  fits: (first) => first >= 0x41 && first <= 0x5a, // a method's first letter
  answer,
  async take(door) {
    const { wire, record, isGood, gssapi, violated } = door;
    const request = await wire.take(httpRequestDecoder(gssapi !== undefined));
    const { destination, forwarded, bodySize } = request;
    const end = isGood || gssapi ? await letIn(door, request) : undefined;
    if (end) {
      await wire.send(
        end === "error" ? encodeHttpAnswer(503, "gate46: passwords cannot be checked now") : asking(door),
      );
      return end;
    }
    record.method ??= Method.NoAuthentication;
    const wish = { command: Command.Connect, destination };
    if (!forwarded) return wish;
    return {
      ...wish,
      head: forwarded,
      answer: (outcome) => outcome.reply === Reply.Succeeded ? nothing : answer(outcome),
      preface: {
        up: requestBody(forwarded.length, bodySize, () => violated(MALFORMED)),
        down: new HttpResponseHeads(),
      },
    };
  },
  turnAway: (sentence) => encodeHttpAnswer(400, `gate46: ${sentence}`),
};

/** Asks for credentials. */
function asking({ isGood, gssapi }: Door): Uint8Array {
  const wanted = isGood
    ? gssapi ? "a ticket, or a user name and a password," : "a user name and a password"
    : "a ticket";
  const challenges = [...gssapi ? [negotiate] : [], ...isGood ? [basic] : []];
  return encodeHttpAnswer(407, `gate46: ${wanted} ${isGood ? "are" : "is"} wanted`, challenges);
}

/** Undefined if the client is admitted; otherwise the end of its session: "error" if nobody could check its password. */
async function letIn(
  { record, mayGoWithout, isGood, gssapi }: Door,
  { credentials, ticket, forwarded }: HttpRequest,
): Promise<"authentication-failed" | "no-acceptable-method" | "error" | undefined> {
  if (gssapi && ticket) {
    const outcome = acceptTicket(gssapi, ticket);
    record.method = Method.Gssapi;
    if ("refused" in outcome) record.detail = outcome.refused;
    else [record.username, record.protection] = [outcome.username, "none"];
    return "refused" in outcome ? "authentication-failed" : undefined;
  }
  if (isGood && credentials) {
    record.username = usernameText(credentials) ?? "\ufffd";
    try {
      if (!await isGood(credentials, forwarded !== undefined)) return "authentication-failed";
    } catch (error) {
      if (!(error instanceof NetError && error.kind === "busy")) throw error;
      record.detail = error.message;
      return "error";
    }
    record.method = Method.UsernamePassword;
    return undefined;
  }
  return mayGoWithout ? undefined : "no-acceptable-method";
}
