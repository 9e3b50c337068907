import type { Reply } from "../../protocol/codes.ts";

/** We said no: `rule` says why, for the log, and never goes to the client. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly reply: Reply;
  readonly rule: string;

  constructor(reply: Reply, rule: string) {
    super(`Refused: ${rule}`);
    this.reply = reply;
    this.rule = rule;
  }
}
