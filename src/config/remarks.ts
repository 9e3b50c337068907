import { addressText } from "../protocol/address.ts";
import { isRouted } from "../gateway/settings.ts";
import { asksClients, type Config } from "./whole.ts";
import type { Part } from "./source.ts";
import { isLoopback, listenerNames } from "./values/listen.ts";

/** The parts that remarks are about. */
export const remarked: readonly Part[] = [
  ...["listen", "forward", "forwards", "rules", "access", "upstreams", "via", "default", "allow", "fakeDns"] as const,
  ...["admin", "adminTokenFile"] as const,
  ...["gssapiKeytab", "gssapiService", "gssapiReplayCache", "gssapiNec", "gssapiFirst"] as const,
  ...["usersFile", "authCommand", "authUrl"] as const,
];

/** A line for each thing in a configuration that holds, but is hardly meant so. */
export function remarks(config: Config, placed = (name: string) => name): readonly string[] {
  const { admin, adminTokenFile, allow, rules } = config;
  const said: string[] = [];
  if (config.default === "deny" && allow.length === 0 && rules.every(({ action }) => action === "deny")) {
    said.push("--default is deny, and neither a rule nor --allow allows anything: every request is denied");
  }
  if (admin && admin.unix === undefined && !isLoopback(admin.host) && adminTokenFile === undefined) {
    said.push(
      `--admin ${
        addressText(admin)
      } is for others too, and there is no --admin-token-file: only /healthz and /readyz ` +
        "answer; the page, /metrics and /api are refused",
    );
  }
  if (config.fakeDns.length > 0 && !config.listen.some(({ only }) => isRouted(only))) {
    said.push("--fake-dns answers with addresses that no listener serves; add --listen transparent://ADDR:PORT");
  }
  const names = listenerNames(config.listen);
  if (!config.listen.some(({ systemd }) => systemd !== undefined)) { // the addresses of systemd's sockets are not known yet
    for (const { name, listeners } of [...rules, ...config.gateway.access]) {
      if (!listeners || listeners.some((one) => names.includes(one))) continue;
      said.push(`${placed(name)} never matches: no --listen is ${listeners.join(" or ")}`);
    }
  }
  if (!asksClients(config)) {
    for (const { name } of config.gateway.access.filter(({ auth }) => auth === "none")) {
      said.push(`${placed(name)} changes nothing: no password is required (users_file, [[users]] or --user)`);
    }
    for (const { name } of rules.filter(({ users }) => users)) {
      said.push(
        `${
          placed(name)
        } never matches: it names users, and no authentication is required (users_file, [[users]] or --user)`,
      );
    }
  }
  const { gssapiKeytab, gssapiService, gssapiReplayCache, gateway: { gssapiNec, gssapiFirst } } = config;
  if (gssapiKeytab === undefined && (gssapiService ?? gssapiReplayCache ?? (gssapiNec || gssapiFirst || undefined))) {
    said.push(
      "--gssapi-service, --gssapi-replay-cache, --gssapi-nec and --gssapi-first change nothing: no --gssapi-keytab",
    );
  }
  return said;
}
