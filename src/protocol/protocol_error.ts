import type { Reply } from "./codes.ts";

/** The peer violated the RFC. `reply` is the answer to send; undefined if the message boundary is lost: then close without an answer. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly reply: Reply | undefined;

  constructor(message: string, reply?: Reply) {
    super(message);
    this.reply = reply;
  }
}
