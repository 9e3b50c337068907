import type { Reply } from "../../protocol/codes.ts";

/** The gateway refuses: `rule` says why, for the log; the client never sees it. */
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
