import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { OWN_ADDRESSES } from "../../net/linux/child/all_traffic.ts";

const NSSWITCH = "/etc/nsswitch.conf", RESOLV = "/etc/resolv.conf";

/** nscd's folders are covered, because a restarted daemon creates its socket anew. */
const nscd = ["/run/nscd", "/var/run/nscd"], RESOLVED = "/run/systemd/resolve/io.systemd.Resolve";

/** Files and folders that the program sees in place of others, and their removal. */
export interface NameCovers {
  readonly covers: readonly { readonly file: string; readonly place: string }[];
  remove(): void;
}

/**
 * Makes the program resolve names only by DNS, which the gateway answers: other services (nsswitch.conf(5)), a name cache
 * (nscd(8)) and systemd-resolved would ask this host's servers. `goesOn` is true if names go to other gateways.
 */
export function nameCovers(goesOn: boolean): NameCovers {
  const folder = mkdtempSync(join(tmpdir(), "gate46-run-"));
  const empty = join(folder, "empty");
  mkdirSync(empty);
  chmodSync(empty, 0o755);
  const covers = [...new Set(nscd.filter(existsSync).map((place) => realpathSync(place)))]
    .map((place) => ({ file: empty, place }));
  if (existsSync(RESOLVED)) covers.push({ file: "/dev/null", place: RESOLVED });
  const changed: readonly (readonly [place: string, change: (text: string) => string | undefined])[] = [
    [NSSWITCH, dnsAlone],
    [RESOLV, (text) => ownServer(text, goesOn, hostname())],
  ];
  for (const [place, change] of changed) {
    const text = existsSync(place) ? change(readFileSync(place, "utf8")) : undefined;
    if (text === undefined) continue;
    const file = join(folder, `${covers.length}`);
    writeFileSync(file, text);
    chmodSync(file, 0o644); // the program may switch to another user, as apt does
    covers.push({ file, place });
  }
  const remove = () => rmSync(folder, { recursive: true, force: true });
  if (covers.length === 0) remove();
  return { covers, remove };
}

/** nsswitch.conf with only files and dns for hosts; undefined if it needs no change. */
export function dnsAlone(text: string): string | undefined {
  const line = /^[ \t]*hosts:(.*)$/m, said = line.exec(text)?.[1]?.replace(/#.*/, "").trim();
  if (said === undefined || /^(files\s+)?dns$/.test(said)) return undefined;
  return text.replace(line, "hosts: files dns");
}

/**
 * resolv.conf(5) with a reachable server: a server with an interface (fe80::1%eth0) is not reachable in another network. For
 * other gateways it has no search domains, because every name seems to exist. Undefined if it needs no change.
 */
export function ownServer(text: string, goesOn: boolean, host: string): string | undefined {
  const lines = text.split("\n");
  const is = (...words: readonly string[]) => (line: string) => words.includes(/^\s*(\S+)/.exec(line)?.[1] ?? "");
  const looked = lines.filter(is("search", "domain")).at(-1)?.trim() ?? (host.includes(".") ? "" : "search .");
  const searches = goesOn && !/^(search|domain)\s+\.$/.test(looked);
  if (!searches && !lines.some((line) => is("nameserver")(line) && line.includes("%"))) return undefined;
  const kept = lines.filter((line) => !is("nameserver", ...goesOn ? ["search", "domain"] : [])(line));
  return [`nameserver ${OWN_ADDRESSES.ipv4}`, ...goesOn ? ["search ."] : [], ...kept].join("\n");
}
