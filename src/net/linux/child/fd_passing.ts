import { errnoError } from "../../kernel/libc/errno.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import { addressOf, type Memory } from "./child.ts";

/** SCM_RIGHTS (unix(7)): descriptors travel in a control message of SOL_SOCKET. */
const SOL_SOCKET = 1, SCM_RIGHTS = 1, CONTROL_HEADER_SIZE = 16, MSG_CMSG_CLOEXEC = 0x40000000;

/** Maximum descriptors of one message. */
export const MAX_PASSED = 253;

/** A struct msghdr (recvmsg(2)) of one octet and a control message, and the memory that it points to, to be kept referenced. */
interface Message {
  readonly header: Uint8Array<ArrayBuffer>;
  readonly held: readonly Memory[];
}

/** The message by which sendmsg(2) sends these descriptors. */
export function passingMessage(libc: Libc, descriptors: readonly number[]): Message {
  const control = new Uint8Array(controlSize(descriptors.length)), view = new DataView(control.buffer);
  view.setBigUint64(0, BigInt(CONTROL_HEADER_SIZE + 4 * descriptors.length), true);
  view.setInt32(8, SOL_SOCKET, true);
  view.setInt32(12, SCM_RIGHTS, true);
  descriptors.forEach((fd, i) => view.setInt32(CONTROL_HEADER_SIZE + 4 * i, fd, true));
  return message(libc, control);
}

/** The descriptors received over `socket`, closed on exec; none at its end. Throws NetError. */
export function receiveDescriptors(libc: Libc, socket: number): number[] {
  const control = new Uint8Array(controlSize(MAX_PASSED)), { header, held } = message(libc, control);
  const received = libc.recvmsg(socket, header, MSG_CMSG_CLOEXEC);
  if (received < 0) throw errnoError(libc.errno(), "receive", "the sockets of a program");
  const view = new DataView(control.buffer), got: number[] = [];
  const end = new DataView(header.buffer).getUint32(40, true) >= CONTROL_HEADER_SIZE ? view.getUint32(0, true) : 0;
  for (let at = CONTROL_HEADER_SIZE; at + 4 <= end; at += 4) got.push(view.getInt32(at, true));
  void held;
  return got;
}

function controlSize(count: number): number {
  return CONTROL_HEADER_SIZE + Math.ceil(4 * count / 8) * 8;
}

function message(libc: Libc, control: Uint8Array<ArrayBuffer>): Message {
  const data = new Uint8Array(8), header = new Uint8Array(56);
  const iovec = new BigUint64Array([BigInt(addressOf(libc, data)), 1n]);
  const fields = new BigUint64Array(header.buffer);
  fields[2] = BigInt(addressOf(libc, iovec));
  fields[3] = 1n;
  fields[4] = BigInt(addressOf(libc, control));
  fields[5] = BigInt(control.length);
  return { header, held: [data, iovec, control] };
}
