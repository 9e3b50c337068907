import { DescriptorReserve } from "../../../net/kernel/descriptor_reserve.ts";
import { runtime } from "../../version.ts";

/** What the runtime opens for a thread, and needs while it loads it: Deno ends the program where that is not to be had. */
const DESCRIPTORS_OF_THREAD = runtime.startsWith("deno") ? 10 : 6;

/** Throws NetError where `what`, which starts so many threads, would leave too few descriptors. */
export function checkDescriptorsFor(threads: number, what: string): void {
  new DescriptorReserve().check(what, threads * DESCRIPTORS_OF_THREAD);
}
