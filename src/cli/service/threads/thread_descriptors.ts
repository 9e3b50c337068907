import { DescriptorReserve } from "../../../net/kernel/host/descriptor_reserve.ts";
import { runtime } from "../../version.ts";

/** Descriptors that the runtime needs to start a thread: without them Deno ends the program. */
const DESCRIPTORS_OF_THREAD = runtime.startsWith("deno") ? 10 : 6;

/** Throws NetError if `what`, which starts `threads` threads, would leave too few descriptors. */
export function checkDescriptorsFor(threads: number, what: string): void {
  new DescriptorReserve().check(what, threads * DESCRIPTORS_OF_THREAD);
}
