import { parseIp } from "../../../protocol/address.ts";
import { AF_INET, AF_INET6 } from "../../kernel/libc/sockaddr.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import {
  attribute,
  converse,
  message,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_REQUEST,
  u32,
} from "./netlink.ts";

/** Links, addresses and routes (rtnetlink(7)). `socket` is one of NETLINK_ROUTE in the network that is meant. All throw NetError. */

const RTM_NEWLINK = 16, RTM_NEWADDR = 20, RTM_NEWROUTE = 24;
const IFF_UP = 1, IFA_F_NODAD = 2, IFA_ADDRESS = 1, IFA_LOCAL = 2;
const RTA_OIF = 4, RTA_PREFSRC = 7;
const MAIN_TABLE = 254, RTPROT_BOOT = 3, RT_SCOPE_HOST = 254, RTN_LOCAL = 2;
const DO = NLM_F_REQUEST | NLM_F_ACK;

/** `ip link set up`, of the interface with that number. */
export function bringUp(libc: Libc, socket: number, link: number): void {
  const body = new Uint8Array(16), view = new DataView(body.buffer);
  view.setInt32(4, link, true);
  view.setUint32(8, IFF_UP, true);
  view.setUint32(12, IFF_UP, true);
  converse(libc, socket, [message(RTM_NEWLINK, DO, body)], "bring up", "a network");
}

/** `ip address add`: a host's address, at once (without duplicate address detection). */
export function addAddress(libc: Libc, socket: number, link: number, host: string): void {
  const octets = parseIp(host)!, body = new Uint8Array(8);
  body[0] = family(octets);
  body[1] = octets.length * 8;
  body[2] = IFA_F_NODAD;
  new DataView(body.buffer).setUint32(4, link, true);
  const said = message(
    RTM_NEWADDR,
    DO | NLM_F_CREATE,
    body,
    attribute(IFA_LOCAL, octets),
    attribute(IFA_ADDRESS, octets),
  );
  converse(libc, socket, [said], "add", `the address ${host}`);
}

/** `ip route add local default dev LINK src SOURCE`: every address is this host's (AnyIP). */
export function takeAllAddresses(libc: Libc, socket: number, link: number, source: string): void {
  converse(libc, socket, [localRoute(link, parseIp(source)!)], "add", "a local route");
}

function localRoute(link: number, source: Uint8Array): NetlinkMessage {
  const body = new Uint8Array(12), four = source.length === 4;
  body[0] = family(source);
  body[4] = MAIN_TABLE;
  body[5] = RTPROT_BOOT;
  body[6] = four ? RT_SCOPE_HOST : 0;
  body[7] = RTN_LOCAL;
  const to = attribute(RTA_OIF, u32(link)), from = attribute(RTA_PREFSRC, source);
  return message(RTM_NEWROUTE, DO | NLM_F_CREATE, body, to, from);
}

function family(octets: Uint8Array): number {
  return octets.length === 4 ? AF_INET : AF_INET6;
}
