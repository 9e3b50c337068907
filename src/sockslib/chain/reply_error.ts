import { replyText } from "../../protocol/codes.ts";

/** A gateway answered a request with a reply other than 00. */
export class ReplyError extends Error {
  /** For people. */
  override readonly name = "ReplyError";
  /** REP as it came, also where no RFC knows it. */
  readonly reply: number;
  /** Whether the last gateway of the chain says so of the destination; else one says it of the gateway behind it. */
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
