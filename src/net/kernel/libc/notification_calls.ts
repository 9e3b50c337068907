import { libraryNames } from "./libc.ts";
import type { OpenLibrary } from "./library.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Words = BigUint64Array<ArrayBuffer>;

/** The libc calls that answer another process's system calls. All return what the C function returns. */
export interface NotificationCalls {
  ioctl(fd: number, request: number, argument: Bytes): number;
  process_vm_readv(pid: number, own: Words, count: number, theirs: Words, theirCount: number, flags: number): number;
  process_vm_writev(pid: number, own: Words, count: number, theirs: Words, theirCount: number, flags: number): number;
}

const notificationSignatures = {
  ioctl: "ilp:i",
  process_vm_readv: "ipupul:l",
  process_vm_writev: "ipupul:l",
} as const;

/** Undefined if libc lacks them. */
export function openNotificationCalls(open: OpenLibrary): NotificationCalls | undefined {
  const library = open(libraryNames, notificationSignatures);
  if (!library) return undefined;
  const { ioctl, process_vm_readv, process_vm_writev } = library.functions;
  const asNumber = (call: (...args: unknown[]) => unknown) => (...args: unknown[]) => Number(call(...args));
  return {
    ioctl,
    process_vm_readv: asNumber(process_vm_readv!),
    process_vm_writev: asNumber(process_vm_writev!),
  } as unknown as NotificationCalls;
}
