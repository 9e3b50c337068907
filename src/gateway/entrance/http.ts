import { NetError } from "../../net/error.ts";
import { Command, Method, Reply } from "../../protocol/codes.ts";
import { httpRequestDecoder } from "../../protocol/http/http_request.ts";
import {
  CONNECTED,
  encodeHttpAnswer,
  HttpResponseHeads,
  replySentence,
  statusOfReply,
} from "../../protocol/http/http_response.ts";
import { usernameText } from "../../protocol/negotiation.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import type { Answer, Entrance } from "./entrance.ts";

/** Asks for credentials (RFC 7617). */
const challenge = [["Proxy-Authenticate", 'Basic realm="gate46", charset="UTF-8"']] as const;

const nothing = new Uint8Array(0);

const answer: Answer = ({ reply, error }) => {
  if (reply === Reply.Succeeded) return CONNECTED;
  if (error instanceof ProtocolError) return encodeHttpAnswer(400, `gate46: ${error.message}`);
  const unable = error instanceof NetError && (error.kind === "busy" || error.kind === "no-descriptors");
  return encodeHttpAnswer(unable ? 503 : statusOfReply(reply), replySentence(reply));
};

/**
 * HTTP: CONNECT, and requests for http:// URLs, one a connection, whose body nobody here reads (RFC 9110 s7, RFC 9112 s3.2). Basic
 * credentials where somebody is asked for any.
 */
export const http: Entrance = {
  protocol: "http",
  fits: (first) => first >= 0x41 && first <= 0x5a, // a method's first letter
  answer,
  async take({ wire, record, mayGoWithout, isGood }) {
    const { destination, credentials, forwarded } = await wire.take(httpRequestDecoder());
    const asks = !mayGoWithout || (isGood && credentials);
    if (asks) {
      if (credentials) record.username = usernameText(credentials) ?? "\ufffd";
      if (!credentials || !isGood || !await isGood(credentials)) {
        await wire.send(encodeHttpAnswer(407, "gate46: a user name and a password are wanted", challenge));
        return credentials ? "authentication-failed" : "no-acceptable-method";
      }
    }
    record.method = asks ? Method.UsernamePassword : Method.NoAuthentication;
    const wish = { command: Command.Connect, destination };
    if (!forwarded) return wish;
    return {
      ...wish,
      head: forwarded,
      answer: (outcome) => outcome.reply === Reply.Succeeded ? nothing : answer(outcome),
      preface: new HttpResponseHeads(),
    };
  },
  turnAway: (sentence) => encodeHttpAnswer(400, `gate46: ${sentence}`),
};
