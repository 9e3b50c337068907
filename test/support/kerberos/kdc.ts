import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { afterwards } from "../program/afterwards.ts";
import { kill } from "../program/kill.ts";
import { temporaryFolder } from "../program/temporary_folder.ts";
import { until } from "../program/until.ts";

/** Another that stands before it has not the packages. */
export const DEBIANS_PYTHON = "/usr/bin/python3";

export const REALM = "GATE46.TEST";

/** What tests of GSSAPI want of Debian's packages; false where all is here. */
export const noKerberos: string | false = missing();

function missing(): string | false {
  const has = (command: string, ...args: string[]) => spawnSync(command, args).error === undefined;
  if (!has("krb5kdc", "-?") || !has("kadmin.local", "-?")) return "no krb5-kdc and krb5-admin-server";
  if (!has("kinit", "-?") || !has("kvno", "-?")) return "no krb5-user";
  return spawnSync(DEBIANS_PYTHON, ["-c", "import gssapi"]).status === 0 ? false : "no python3-gssapi";
}

/** A realm of its own: its KDC on a port of loopback, and all of its files in one folder. Nothing of the system's is touched. */
export class Kdc {
  /** For programs that are to find it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #port: number;

  private constructor(folder: string, port: number, environment: Kdc["environment"], child: ChildProcess) {
    this.folder = folder;
    this.environment = environment;
    this.#child = child;
    this.#port = port;
    afterwards(() => child.kill("SIGKILL"));
  }

  /** `options` are lines of [libdefaults]. */
  static async start(...options: readonly string[]): Promise<Kdc> {
    const folder = temporaryFolder("kdc"), port = await freePort();
    const file = (name: string) => join(folder, name);
    const environment = {
      KRB5_CONFIG: file("krb5.conf"),
      KRB5_KDC_PROFILE: file("kdc.conf"),
      KRB5CCNAME: `FILE:${file("ccache")}`,
      KRB5RCACHEDIR: folder,
    };
    writeFileSync(
      file("krb5.conf"),
      `[libdefaults]
 default_realm = ${REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
 ${options.join("\n ")}
[realms]
 ${REALM} = {
  kdc = 127.0.0.1:${port}
 }
[domain_realm]
 localhost = ${REALM}
`,
    );
    writeFileSync(
      file("kdc.conf"),
      `[kdcdefaults]
 kdc_listen = 127.0.0.1:${port}
 kdc_tcp_listen = 127.0.0.1:${port}
[realms]
 ${REALM} = {
  database_name = ${file("principal")}
  key_stash_file = ${file("stash")}
  supported_enctypes = aes256-cts:normal aes128-cts:normal aes256-sha2:normal
 }
[logging]
 kdc = FILE:${file("kdc.log")}
`,
    );
    const env = { ...process.env, ...environment };
    done(spawnSync("kdb5_util", ["create", "-s", "-r", REALM, "-P", "master"], { env }));
    const child = spawn("krb5kdc", ["-n"], { env, stdio: "ignore" });
    const kdc = new Kdc(folder, port, environment, child);
    await until("the KDC listens", () => reachable(port));
    return kdc;
  }

  /** A principal for a service, with its key in a keytab; the path of that. */
  service(principal: string, keytab = "keytab"): string {
    this.admin(`addprinc -randkey ${principal}`);
    return this.addKey(principal, keytab);
  }

  /** Makes another key of a service, and puts it into a keytab. */
  addKey(principal: string, keytab = "keytab"): string {
    const path = join(this.folder, keytab);
    this.admin(`ktadd -k ${path} ${principal}`);
    return path;
  }

  /** A user with a ticket, and tickets for these services; the credential cache. `life` as kinit has it. */
  user(name: string, services: readonly string[] = [], life = "1h"): string {
    const ccache = `FILE:${join(this.folder, `ccache-${name}`)}`;
    this.admin(`addprinc -pw secret ${name}`);
    this.#run("kinit", ["-c", ccache, "-l", life, name], "secret\n");
    for (const service of services) this.#run("kvno", ["-c", ccache, service]);
    return ccache;
  }

  admin(command: string): string {
    return this.#run("kadmin.local", ["-q", command]);
  }

  /** It takes connections from now on, and says nothing. */
  pause(): void {
    kill(this.#child.pid!, "SIGSTOP");
  }

  resume(): void {
    kill(this.#child.pid!, "SIGCONT");
  }

  /** Whether somebody is connected to it. */
  isAsked(): boolean {
    const port = this.#port.toString(16).padStart(4, "0").toUpperCase();
    return readFileSync("/proc/net/tcp", "utf8").includes(` 0100007F:${port} 01 `);
  }

  /** A file in its folder; the path. */
  write(name: string, content: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }

  #run(command: string, args: readonly string[], input = ""): string {
    return done(spawnSync(command, args, { env: { ...process.env, ...this.environment }, input }));
  }
}

function done({ status, stdout, stderr }: { status: number | null; stdout: Uint8Array; stderr: Uint8Array }): string {
  const said = String(stderr);
  if (status !== 0 || /while (?!initializing)/.test(said)) throw new Error(`Cannot prepare the realm: ${said}`);
  return String(stdout);
}

/** The KDC takes none that the system chooses. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    }).on("error", () => resolve(false));
  });
}
