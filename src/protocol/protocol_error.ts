import type { Reply } from "./codes.ts";

/** The peer broke the RFC. `reply` is what to answer; undefined where its next octets cannot be told apart: close without one. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly reply: Reply | undefined;

  constructor(message: string, reply?: Reply) {
    super(message);
    this.reply = reply;
  }
}
