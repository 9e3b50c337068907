import type { Config } from "../../../config/config.ts";
import { type KernelFeatures, whyNoEngine } from "../../../net/kernel/features.ts";
import { speaksTls } from "../../service/tls/tls_source.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

/** The effect of each missing feature. */
const losses: Readonly<Record<Exclude<keyof KernelFeatures, "epoll">, string>> = {
  accept4: "accept4: each client costs two calls more",
  splice: "splice: bytes are copied, which costs twice the processor",
  recvmmsg: "recvmmsg: each datagram that comes costs a call",
  sendmmsg: "sendmmsg: each datagram that leaves costs a call",
  segmentation: "UDP segmentation (Linux 4.18): datagrams are sent one by one",
  aggregation: "UDP aggregation (Linux 5.0): datagrams are received one by one",
  sharedPorts: "shared ports (Linux 3.9): workers accept from one socket, and an upgrade cannot take it over",
  steering: "steering of shared ports (Linux 4.5): an upgrade may refuse a client or two",
};

/** Checks which engine is used, and which features of the kernel it can use. */
export function checkEngine({ platform, kernel, read, runtime }: HostView, config: Config): readonly Finding[] {
  const { ok, note, problem } = findings("engine");
  if (config.engine === "portable") return [ok(`portable, as --engine says, on ${runtime}`)];
  if (!kernel || !kernel.epoll) {
    const why = platform !== "linux"
      ? `this is ${platform}`
      : kernel
      ? whyNoEngine(kernel)
      : "libc cannot be called from here";
    return config.engine === "linux"
      ? [problem(`--engine linux cannot run: ${why}`, "--engine auto")]
      : [note(`portable, since ${why}: slower, and without --workers, --mark, --interface`)];
  }
  const release = read("/proc/sys/kernel/osrelease")?.trim();
  const missing = Object.entries(losses).filter(([feature]) => !kernel[feature as keyof KernelFeatures]);
  return [
    ok(`linux, on ${runtime}${release === undefined ? "" : ` and Linux ${release}`}`),
    ...missing.map(([, loss]) => note(`without ${loss}`)),
  ];
}

const PACKAGES = "install libssl3 (Debian, Alpine), openssl-libs (Fedora) or libopenssl3 (OpenWrt)";

/** Checks which TLS library is used, if TLS is. */
export function checkTls({ kernel, libssl, runtime }: HostView, config: Config): readonly Finding[] {
  if (!speaksTls(config, config.rules)) return [];
  const { ok, note } = findings("TLS");
  if (libssl !== undefined && config.engine !== "portable" && !whyNoEngine(kernel)) return [ok(`by ${libssl}`)];
  const lost = libssl === undefined && kernel && config.engine !== "portable";
  return [
    lost
      ? note(`by ${runtime}, in one thread and at several times the processor: there is no OpenSSL 3 or 1.1`, PACKAGES)
      : ok(`by ${runtime}`),
  ];
}
