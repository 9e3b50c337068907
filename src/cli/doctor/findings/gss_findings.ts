import type { Config } from "../../../config/config.ts";
import { type KeytabKey, keyTexts } from "../../files/keytab.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

/** Checks that clients can authenticate by GSSAPI; `keys` are the keytab's keys of the service. */
export function checkGss(host: HostView, config: Config, keys: readonly KeytabKey[] | undefined): readonly Finding[] {
  if (!keys) return [];
  const { ok, problem, note } = findings("GSSAPI");
  const refused = host.cannotAccept();
  const { gssapiReplayCache: cache } = config;
  const unwritable = cache === undefined ? undefined : host.cannotWrite(cache);
  return [
    refused === undefined
      ? ok("the library lets clients in by the keytab")
      : problem(refused, "apt-get install libgssapi-krb5-2 (Debian), apk add krb5-libs (Alpine), or the keytab"),
    ...keyTexts(keys).map((says) => ok(says)),
    ...cache === undefined ? [] : [
      unwritable === undefined
        ? ok(`the replay cache ${cache} can be written`)
        : problem(`the replay cache ${cache} cannot be written: ${unwritable}`, "a file in a folder of this user"),
    ],
    note(
      `tickets are taken within 5 minutes of this clock, which says ${new Date(host.now).toISOString()}`,
      "set this clock and the KDC's by NTP",
    ),
  ];
}
