import type { Config } from "../../config/config.ts";
import { NetError } from "../../net/error.ts";
import { DescriptorReserve } from "../../net/kernel/host/descriptor_reserve.ts";
import { type Kernel, kernelFeatures, whyNoEngine } from "../../net/kernel/features.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { checkSocketOptions, refuseSocketOptions } from "../service/socket_options.ts";

/** Descriptors that are open at a time, for libraries and for tests of kernel features. */
const LOOK_DESCRIPTORS = 6;

/** What the Linux engine needs; undefined for the portable engine. Throws NetError if --engine linux cannot be used. */
export function chosenKernel(config: Config, found: Libc | undefined): Kernel | undefined {
  new DescriptorReserve().check("look at the kernel", LOOK_DESCRIPTORS); // without free descriptors a feature looks refused
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
