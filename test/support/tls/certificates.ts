import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificates {
  /** Who vouches for it. */
  readonly ca: string;
  readonly key: string;
  readonly cert: string;
}

/** Whether certificates can be made here. */
export const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** A certificate for `names`, as `DNS:dns.test` or `IP:127.0.0.1`, of an authority of its own. */
export function certificatesFor(...names: readonly string[]): Certificates {
  return issue([{ names }])[0]!;
}

/** Certificates of one authority; one of -1 days has expired. `key` is as openssl's -newkey. */
export function issue(
  wanted: readonly { readonly names: readonly string[]; readonly days?: number; readonly key?: string }[],
): readonly Certificates[] {
  const folder = mkdtempSync(join(tmpdir(), "gate46-tls-"));
  const path = (name: string) => join(folder, name);
  const read = (name: string) => readFileSync(path(name), "utf8");
  const newKey = (
    key?: string,
  ) => ["-newkey", ...key ? [key] : ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], "-nodes"];
  try {
    const own = ["-keyout", path("ca.key"), "-out", path("ca.pem"), "-days", "2", "-subj", "/CN=ca.test"];
    openssl("req", "-x509", ...newKey(), ...own);
    return wanted.map(({ names, days = 2, key }) => {
      openssl("req", ...newKey(key), "-keyout", path("key"), "-out", path("csr"), "-subj", "/CN=server.test");
      writeFileSync(path("ext"), `subjectAltName=${names.join(",")}\n`);
      const by = ["-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial", "-extfile", path("ext")];
      openssl("x509", "-req", "-in", path("csr"), ...by, "-days", String(days), "-out", path("cert"));
      return { ca: read("ca.pem"), key: read("key"), cert: read("cert") };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("openssl", args);
  if (status !== 0) throw new Error(`Cannot openssl ${args[0]}: ${stderr}`);
}
