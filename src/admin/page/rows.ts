import type { ChainHealth } from "../readiness.ts";
import type { FailureView, SessionView, Status } from "../status.ts";
import type { Words } from "./words.ts";

/** The lines of the page. Each function is self-contained: the page's script has them too. */

export interface Cell {
  readonly text: string;
  /** Text in smaller letters below. */
  readonly note?: string;
  /** The sort key, if it is not the text. */
  readonly by?: number;
  /** A class. */
  readonly kind?: string;
  /** The sessions that the cell's button ends. */
  readonly ends?: { readonly what: "session" | "user" | "client"; readonly name: string };
}

export interface Row {
  readonly key: string;
  readonly cells: readonly Cell[];
}

/** Octets a second. */
export interface Rate {
  readonly up: number;
  readonly down: number;
}

export const sessionColumns = ["id", "client", "destination", "type", "age", "up", "down", "rate"] as const;

export type SessionColumn = typeof sessionColumns[number];

export function sessionRow(session: SessionView, rate: Rate | undefined, words: Words): Row {
  const { id, client, user, protection, command, destination, remote, via, relay, ageMs, up, down } = session;
  const { ageText, bytesText, countText } = words;
  const total = rate ? rate.up + rate.down : 0;
  const udp = command === "udp-associate";
  const speed = (bytes: number) => bytes < 1 ? "–" : `${bytesText(bytes)}/s`;
  const met = remote === undefined || remote === destination ? "" : remote;
  return {
    key: String(id),
    cells: [
      { text: String(id), by: id },
      { text: client, note: [user, protection && `gssapi, ${protection}`].filter(Boolean).join(" · ") },
      {
        text: destination ?? "",
        note: [command, met, via === undefined ? "" : `via ${via}`].filter(Boolean).join(" · "),
      },
      { text: relay ?? "", kind: `type ${relay ?? ""}` },
      { text: ageText(ageMs), by: ageMs },
      { text: bytesText(up), by: up, note: udp ? countText(session.datagramsUp, "datagram") : "" },
      { text: bytesText(down), by: down, note: udp ? countText(session.datagramsDown, "datagram") : "" },
      total < 1
        ? { text: "–", by: 0, kind: "idle" }
        : { text: `↑ ${speed(rate!.up)}`, by: total, note: `↓ ${speed(rate!.down)}` },
      { text: "", kind: "acts", ends: { what: "session", name: String(id) } },
    ],
  };
}

export function upstreamRow({ upstream, chain, up, detail, since }: ChainHealth): Row {
  return {
    key: `${upstream}\n${chain}`,
    cells: [
      { text: up ? "up" : "down", kind: up ? "good" : "bad" },
      { text: upstream },
      {
        text: chain,
        note: [detail, since && `since ${since.slice(0, 16).replace("T", " ")} UTC`].filter(Boolean).join(", "),
      },
    ],
  };
}

/** `now` is in ms since 1970. */
export function failureRow(failure: FailureView, now: number, { ageText, countText }: Words): Row {
  const { at, count, client, user, command, destination, end, reply, detail } = failure;
  return {
    key: [client, user, command, destination, end, detail].join("\n"),
    cells: [
      { text: `${ageText(Math.max(0, now - at))} ago` },
      { text: count > 1 ? `${countText(count, "")} ×` : "" },
      { text: reply ?? end.replaceAll("-", " "), note: detail ?? "", kind: failure.kind },
      { text: client, note: user ?? "" },
      { text: destination ?? "", note: command ?? "" },
    ],
  };
}

/** The parts that serving clients depends on. A healthy part has a short text, an unhealthy one its reason. */
export function partRows({ parts, listeners, upstreams, certificates }: Status): readonly Row[] {
  const up = upstreams.filter(({ up }) => up).length;
  const [first] = certificates.toSorted((a, b) => Number(a.good) - Number(b.good) || (a.until < b.until ? -1 : 1));
  const until = first ? `--${first.option} until ${first.until.slice(0, 10)}` : "";
  const named = [
    ["listeners", parts.listeners, listeners.join(", ")],
    ["workers", parts.workers, ""],
    ["names", parts.resolver, ""],
    ["IPv4", parts.ipv4Egress, ""],
    ["IPv6", parts.ipv6Egress, ""],
    ...upstreams.length > 0 ? [["upstreams", parts.upstreams, `${up} of ${upstreams.length} up`] as const] : [],
    ...first ? [["TLS", { ok: first.good, detail: until }, until] as const] : [],
  ] as const;
  return named.map(([name, { ok, detail }, text]) => ({
    key: name,
    cells: [{ text: name, kind: ok ? "good" : "bad" }, { text: ok ? text : detail ?? "" }],
  }));
}

/** Parses `sort`, as `age` or, reversed, `-age`: the index of the column, and 1 or -1. */
export function sorting(sort: string, columns: readonly string[]): { readonly place: number; readonly way: 1 | -1 } {
  const name = sort.replace("-", "");
  const place = columns.includes(name) ? columns.indexOf(name) : columns.indexOf("age");
  const most = ["up", "down", "rate"].includes(columns[place]!); // largest values first
  return { place, way: sort.startsWith("-") === most ? 1 : -1 };
}

export function sorted(rows: readonly Row[], place: number, way: 1 | -1): readonly Row[] {
  const by = (row: Row) => row.cells[place]!.by ?? row.cells[place]!.text;
  const natural = new Intl.Collator("en", { numeric: true });
  return rows.toSorted((a, b) => {
    const [left, right] = [by(a), by(b)];
    const order = typeof left === "number" && typeof right === "number"
      ? left - right
      : natural.compare(String(left), String(right));
    return way * (order || Number(a.key) - Number(b.key));
  });
}
