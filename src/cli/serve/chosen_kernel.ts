import type { Config } from "../../config/config.ts";
import { NetError } from "../../net/error.ts";
import { DescriptorReserve } from "../../net/kernel/descriptor_reserve.ts";
import { type Kernel, kernelFeatures, whyNoEngine } from "../../net/kernel/features.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { checkSocketOptions, refuseSocketOptions } from "../service/socket_options.ts";

/** Libraries, and what is opened at a time to try what the kernel can. */
const LOOK_DESCRIPTORS = 6;

/** What the Linux engine needs, where that is to be used. Throws NetError where it is asked for and cannot be had. */
export function chosenKernel(config: Config, found: Libc | undefined): Kernel | undefined {
  new DescriptorReserve().check("look at the kernel", LOOK_DESCRIPTORS); // what has none to open looks as if it were refused
  const libc = config.engine === "portable" ? undefined : found;
  const features = libc && kernelFeatures(libc);
  const why = whyNoEngine(features);
  if (why) {
    refuseSocketOptions(config);
    if (config.engine === "linux") throw new NetError("other", `Cannot use --engine linux: ${why}`);
    return undefined;
  }
  checkSocketOptions(libc!, config);
  return { libc: libc!, features: features! };
}
