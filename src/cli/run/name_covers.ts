import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const NSSWITCH = "/etc/nsswitch.conf", NSCD = ["/run/nscd/socket", "/var/run/nscd/socket"];

/** Files that the program sees in the place of others, and what removes them. */
export interface NameCovers {
  readonly covers: readonly { readonly file: string; readonly place: string }[];
  remove(): void;
}

/**
 * Has names asked for by DNS alone, whose port is ours wherever /etc/resolv.conf points: other services (nsswitch.conf(5)), and a
 * cache of names (nscd(8)), would ask this host's own.
 */
export function nameCovers(): NameCovers {
  const covers = NSCD.filter((place) => existsSync(place)).map((place) => ({ file: "/dev/null", place }));
  const switched = existsSync(NSSWITCH) ? dnsAlone(readFileSync(NSSWITCH, "utf8")) : undefined;
  if (switched === undefined) return { covers, remove() {} };
  const folder = mkdtempSync(join(tmpdir(), "gate46-run-")), file = join(folder, "nsswitch.conf");
  writeFileSync(file, switched);
  return {
    covers: [...covers, { file, place: NSSWITCH }],
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** nsswitch.conf with files and dns for hosts; undefined where it has no more than these. */
export function dnsAlone(text: string): string | undefined {
  const line = /^[ \t]*hosts:(.*)$/m, said = line.exec(text)?.[1]?.replace(/#.*/, "").trim();
  if (said === undefined || /^(files\s+)?dns$/.test(said)) return undefined;
  return text.replace(line, "hosts: files dns");
}
