import { F_SETFD, F_SETFL, FD_CLOEXEC, O_NONBLOCK } from "./libc/abi.ts";
import type { KernelFeatures } from "./features.ts";
import type { Libc } from "./libc/libc.ts";
import { HEADER_SIZE, SIZE_AT } from "./libc/message_headers.ts";

/** libc with older calls in place of newer ones that the kernel or a filter refuses; without splice, it has no pipes. */
export function plainCalls(libc: Libc, { accept4, splice, recvmmsg, sendmmsg }: KernelFeatures): Libc {
  if (accept4 && splice && recvmmsg && sendmmsg) return libc;
  const older = {
    accept4: plainAccept(libc),
    recvmmsg: plainReceive(libc),
    sendmmsg: plainSend(libc),
    pipe2: () => -1,
  };
  return {
    ...libc,
    ...!accept4 && { accept4: older.accept4 },
    ...!splice && { pipe2: older.pipe2 },
    ...!recvmmsg && { recvmmsg: older.recvmmsg },
    ...!sendmmsg && { sendmmsg: older.sendmmsg },
  };
}

function plainAccept(libc: Libc): Libc["accept4"] {
  return (fd, sockaddr, size) => {
    const accepted = libc.accept(fd, sockaddr, size);
    if (accepted < 0) return accepted;
    libc.fcntl(accepted, F_SETFD, FD_CLOEXEC);
    libc.fcntl(accepted, F_SETFL, O_NONBLOCK);
    return accepted;
  };
}

function plainReceive(libc: Libc): Libc["recvmmsg"] {
  return (fd, messages, count, flags) => {
    const view = new DataView(messages.buffer, messages.byteOffset);
    return each(count, (i) => {
      const size = libc.recvmsg(fd, message(messages, i), flags);
      if (size >= 0) view.setUint32(i * HEADER_SIZE + SIZE_AT, size, true);
      return size;
    });
  };
}

function plainSend(libc: Libc): Libc["sendmmsg"] {
  return (fd, messages, count, flags) => each(count, (i) => libc.sendmsg(fd, message(messages, i), flags));
}

/** Calls that succeeded before a failure; -1 if the first one failed. */
function each(count: number, call: (i: number) => number): number {
  for (let i = 0; i < count; i++) if (call(i) < 0) return i === 0 ? -1 : i;
  return count;
}

/** struct mmsghdr begins with its struct msghdr. */
function message(messages: Uint8Array<ArrayBuffer>, i: number): Uint8Array<ArrayBuffer> {
  return messages.subarray(i * HEADER_SIZE, (i + 1) * HEADER_SIZE);
}
