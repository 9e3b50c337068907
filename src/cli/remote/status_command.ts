import { words } from "../../admin/page/words.ts";
import type { FailureView, Status } from "../../admin/status.ts";
import type { RawOptions } from "../../config/source.ts";
import { print } from "../print.ts";
import { gatewayHere } from "./gateway_here.ts";
import { word } from "./session_table.ts";
import { relayLine, stateLine, troubles } from "./top_frame.ts";

const { countText } = words;

/** Maximum number of failures shown. */
const FAILURES = 5;

/** `gate46 status`: prints the state and the counts of the gateway. Rejects with NetError and ConfigError. */
export async function statusCommand(flags: RawOptions, json: boolean): Promise<void> {
  const here = await gatewayHere(flags);
  const answer = await here.ask("GET", "/api/status?sessions=0");
  const status = here.checked<Status>(answer, "relays");
  await print(json ? `${answer.text.trimEnd()}\n` : statusLines(status).map((line) => `${line}\n`).join(""));
}

export function statusLines(status: Status): readonly string[] {
  const { listeners, sessionCount, clients, failed, upstreams, failures } = status;
  return [
    stateLine(status),
    `listening on ${listeners.join(", ") || "nothing"}`,
    `${countText(sessionCount, "session")}; ${countText(clients, "client")} since the start, ${
      countText(failed, "")
    } failed`,
    relayLine(status),
    ...upstreams.map(({ upstream, chain, up, detail, since }) => {
      const state = up ? "up" : `down${detail === undefined ? "" : `: ${detail}`}${since ? `, since ${since}` : ""}`;
      return word(`upstream ${upstream} (${chain}): ${state}`);
    }),
    ...troubles(status),
    ...failures.slice(0, FAILURES).map(failureLine),
  ];
}

function failureLine({ at, client, user, command, destination, end, reply, detail, count }: FailureView): string {
  const what = [client, user && `as ${user}`, command, destination].filter(Boolean).join(" ");
  const why = [end, reply, detail].filter(Boolean).join(", ");
  return word(`failed ${new Date(at).toISOString()} ${what}: ${why}${count > 1 ? `, ${count} times` : ""}`);
}
