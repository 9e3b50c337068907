import { replyText } from "../../protocol/codes.ts";

/** A gateway answered a request with a reply other than 00. */
export class ReplyError extends Error {
  /** For people. */
  override readonly name = "ReplyError";
  /** REP as received, even if no RFC defines it. */
  readonly reply: number;
  /** True if the last gateway says it about the destination; otherwise a gateway says it about the next one. */
  readonly last: boolean;

  /**
   * Made by Client.
   * @internal
   */
  constructor(reply: number, what: string, by: string, last: boolean) {
    super(`Cannot ${what}: ${by} says ${replyText(reply)}`);
    this.reply = reply;
    this.last = last;
  }
}
