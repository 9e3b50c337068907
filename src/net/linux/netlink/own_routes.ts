import { NetError } from "../../error.ts";
import { AF_INET, AF_INET6 } from "../../kernel/libc/sockaddr.ts";
import { setOption } from "../../kernel/sockets/socket_option.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import {
  attribute,
  attributesIn,
  converse,
  dump,
  message,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  u32,
} from "./netlink.ts";

/**
 * Routes and routing rules marked with this program's number, by which they are found again (rtnetlink(7), ip-rule(8)). `socket` is one of
 * NETLINK_ROUTE. All throw NetError.
 */

/** RTPROT_ and FRA_PROTOCOL: unused in iproute2's rt_protos. */
const OURS = 146;

const RTM_NEWROUTE = 24, RTM_DELROUTE = 25, RTM_GETROUTE = 26, RTM_NEWRULE = 32, RTM_DELRULE = 33, RTM_GETRULE = 34;
const RTA_DST = 1, RTA_OIF = 4, RTA_TABLE = 15;
const FRA_PRIORITY = 6, FRA_FWMARK = 10, FRA_TABLE = 15, FRA_FWMASK = 16, FRA_PROTOCOL = 21, FR_ACT_TO_TABLE = 1;
const RT_SCOPE_HOST = 254, RTN_LOCAL = 2, LOOPBACK = 1;
const SOL_NETLINK = 270, NETLINK_GET_STRICT_CHK = 12;
const HEADER_SIZE = 12;
const DO = NLM_F_REQUEST | NLM_F_ACK;

export const LOCAL_TABLE = 255;

interface Target {
  readonly octets: Uint8Array;
  readonly bits: number;
}

function familyOf({ octets }: Target): number {
  return octets.length === 4 ? AF_INET : AF_INET6;
}

/** `ip route replace local PREFIX dev lo table TABLE`. */
export function putLocalRoute(libc: Libc, socket: number, to: Target, table: number): void {
  const body = new Uint8Array(HEADER_SIZE);
  body[0] = familyOf(to);
  body[1] = to.bits;
  body[5] = OURS;
  body[6] = to.octets.length === 4 ? RT_SCOPE_HOST : 0;
  body[7] = RTN_LOCAL;
  const said = message(
    RTM_NEWROUTE,
    DO | NLM_F_CREATE | NLM_F_REPLACE,
    body,
    ...to.bits > 0 ? [attribute(RTA_DST, to.octets)] : [],
    attribute(RTA_OIF, u32(LOOPBACK)),
    attribute(RTA_TABLE, u32(table)),
  );
  converse(libc, socket, [said], "add", "a local route");
}

/** `ip rule add fwmark MARK lookup TABLE priority PRIORITY`. */
export function addMarkRule(
  libc: Libc,
  socket: number,
  six: boolean,
  { mark, table, priority }: { readonly mark: number; readonly table: number; readonly priority: number },
): void {
  const body = new Uint8Array(HEADER_SIZE);
  body[0] = six ? AF_INET6 : AF_INET;
  body[7] = FR_ACT_TO_TABLE;
  const said = message(
    RTM_NEWRULE,
    DO | NLM_F_CREATE,
    body,
    attribute(FRA_PRIORITY, u32(priority)),
    attribute(FRA_FWMARK, u32(mark)),
    attribute(FRA_FWMASK, u32(0xffff_ffff)),
    attribute(FRA_TABLE, u32(table)),
    attribute(FRA_PROTOCOL, Uint8Array.of(OURS)),
  );
  converse(libc, socket, [said], "add", "a rule of routing");
}

/** Removes every route of ours in these tables, and every rule of ours, also those of earlier runs. */
export function removeOurs(libc: Libc, socket: number, tables: readonly number[]): void {
  setOption(libc, socket, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1); // else the kernel tells of every route there is
  for (const family of [AF_INET, AF_INET6]) {
    for (const body of listed(libc, socket, RTM_GETRULE, family, 0)) {
      if (attributesIn(body, HEADER_SIZE).get(FRA_PROTOCOL)?.[0] !== OURS) continue;
      converse(libc, socket, [message(RTM_DELRULE, DO, body)], "remove", "a rule of routing");
    }
    for (const table of tables) {
      for (const body of listed(libc, socket, RTM_GETROUTE, family, table)) {
        if (body[5] !== OURS || tableOf(body) !== table) continue;
        converse(libc, socket, [message(RTM_DELROUTE, DO, body)], "remove", "a local route");
      }
    }
  }
}

/** The entries of a family; none if this kernel lacks the family or the table. */
function listed(libc: Libc, socket: number, type: number, family: number, table: number): Uint8Array<ArrayBuffer>[] {
  const body = new Uint8Array(HEADER_SIZE);
  body[0] = family;
  if (table > 0) body[5] = OURS;
  const said = message(type, 0, body, ...table > 0 ? [attribute(RTA_TABLE, u32(table))] : []);
  try {
    return dump(libc, socket, said, "list", "routes");
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return [];
  }
}

function tableOf(body: Uint8Array<ArrayBuffer>): number {
  const said = attributesIn(body, HEADER_SIZE).get(RTA_TABLE);
  return said && said.length >= 4 ? new DataView(said.buffer, said.byteOffset).getUint32(0, true) : body[4]!;
}
