import { readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import process from "node:process";
import type { SystemFiles } from "../../dns/system/system_names.ts";
import type { WatchedFile } from "../../dns/system/watched_file.ts";

/** Maximum size of a system file (octets). */
const MAX_SIZE = 64 << 20;

export const hostsFile: WatchedFile = fileAt("/etc/hosts");

/** The system's files about names; undefined on systems without these files. */
export function systemFiles(): SystemFiles | undefined {
  if (process.platform !== "linux") return undefined;
  const { LOCALDOMAIN, RES_OPTIONS } = process.env; // resolv.conf(5), "Environment"
  const more = `\n${LOCALDOMAIN ? `search ${LOCALDOMAIN}\n` : ""}${RES_OPTIONS ? `options ${RES_OPTIONS}\n` : ""}`;
  const resolvConf = fileAt("/etc/resolv.conf");
  return {
    resolvConf: { ...resolvConf, read: () => resolvConf.read() + more },
    nameServices: fileAt("/etc/nsswitch.conf"),
    addressOrder: fileAt("/etc/gai.conf"),
    hosts: hostsFile,
    hostname,
  };
}

/** A FIFO or a larger file counts as missing: this thread serves clients, and must not wait. */
function fileAt(path: string): WatchedFile {
  const find = () => {
    try {
      const found = statSync(path, { throwIfNoEntry: false });
      return found?.isFile() && found.size <= MAX_SIZE ? found : undefined;
    } catch {
      return undefined;
    }
  };
  return {
    version() {
      const found = find();
      return found ? `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}` : "";
    },
    read() {
      try {
        return find() ? readFileSync(path, "utf8") : "";
      } catch {
        return "";
      }
    },
  };
}
