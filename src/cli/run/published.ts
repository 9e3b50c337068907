import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { Gateway } from "../../gateway/gateway.ts";
import { packRules } from "../../gateway/rules/packed_rules.ts";
import { DatagramListener } from "../../gateway/udp/flows/datagram_listener.ts";
import type { InnerSockets } from "../../net/linux/child/inner_sockets.ts";
import type { Engine } from "../../net/linux/engine/engine.ts";
import { linuxNet } from "../../net/linux/linux_net.ts";
import { dialTcp } from "../../net/linux/tcp_dial.ts";
import { SENT_IN_MARK } from "../../net/linux/transparent/syn_gate.ts";
import { LinuxUdpSocket } from "../../net/linux/udp_socket.ts";
import type { Exit, Net, SocketAddr } from "../../net/socket.ts";
import { addressText, nameAddress, parseIp } from "../../protocol/address.ts";
import { log } from "../log/log.ts";
import { gatewayContext, type Parts } from "../service/composition.ts";
import { listenAs } from "../service/listening.ts";
import { openNaming } from "../service/naming.ts";

/** A port on which the program listens, and the addresses at which it is reached from outside. */
export interface Published {
  readonly on: readonly SocketAddr[];
  readonly port: number;
  readonly udp: boolean;
}

/** Name that stands for the program's own addresses, whether it listens on all or on its loopback. */
const INSIDE = "localhost";

const loopback = ["127.0.0.1", "::1"];

/** Parses `--publish`: `[ADDR:]PORT[:PORT INSIDE][/tcp|/udp]`. Throws ConfigError. */
export function parsePublish(text: string): Published {
  const [, said = "", protocol] = /^(.*?)(?:\/(tcp|udp))?$/.exec(text)!;
  const [, bracketed, behind = said] = /^\[([^\]]*)\]:(.*)$/.exec(said) ?? [];
  const ports = behind.split(":");
  const host = bracketed ?? (isPort(ports[0]) ? undefined : ports.shift());
  const [outside, inside = outside] = ports;
  const isHost = host === undefined || host === "localhost" || parseIp(host) !== undefined;
  if (!isHost || ports.length > 2 || !isPort(outside) || !isPort(inside) || inside === "0") throw refused(text);
  const hosts = host === undefined || host === "localhost" ? loopback : [host];
  return {
    on: hosts.map((host) => ({ host, port: Number(outside) })),
    port: Number(inside),
    udp: protocol === "udp",
  };
}

function isPort(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,5}$/.test(text) && Number(text) < 65_536;
}

function refused(text: string): ConfigError {
  return new ConfigError(
    `Cannot parse --publish: '${text}' is not a port (write 8080, 8080:80, 127.0.0.1:8080:80, [::1]:8080 or 5353/udp)`,
  );
}

/**
 * Listens outside for the program's ports, by a separate gateway that connects into the program's network. Rejects with
 * NetError.
 */
export async function publish(
  published: readonly Published[],
  engine: Engine,
  inner: InnerSockets,
  config: Config,
  parts: Omit<Parts, "net" | "naming" | "rules">,
): Promise<void> {
  if (published.length === 0) return;
  const outside = linuxNet(engine), inside = insideOf(engine, inner, outside), { clock } = parts;
  const naming = openNaming({ ...config, dns: [], host: loopback.map((host) => `${host} ${INSIDE}`) }, {
    net: inside,
    clock,
    system: { resolve: nobody, first: nobody, reverse: nobody },
  });
  const settings = { ...config.gateway, outgoing: {}, maxSessionsPerClient: config.gateway.maxSessions };
  const rules = packRules([{ name: "--publish", action: "allow" }]);
  const all = { ...config, family: undefined, gateway: settings };
  const gateway = new Gateway(gatewayContext(all, { ...parts, net: inside, naming, rules }));
  for (const { on, port, udp } of published) {
    let outer: number | undefined;
    for (const [i, { host, port: asked }] of on.entries()) {
      const spec = { addr: { host, port: outer ?? asked }, optional: i > 0 };
      const only = { to: nameAddress(INSIDE, port), ...udp && { udp: true as const } };
      const addr = await listenAs("--publish", spec, async (addr) => {
        const listener = udp ? await DatagramListener.open({ net: outside, clock }, addr) : undefined;
        return await gateway.listen(listener?.addr ?? addr, { only, listener });
      });
      if (!addr) continue;
      outer = addr.port;
      log.info("published", { on: addressText(addr), port, ...udp && { udp } });
    }
  }
}

/** Connects and sends into the program's network; listens outside. */
function insideOf(engine: Engine, inner: InnerSockets, outside: Net): Net {
  const way: Exit = { mark: SENT_IN_MARK, device: "lo" };
  return {
    ...outside,
    connect: (addr, options) => inner.within(() => dialTcp(engine, addr, { ...options, ...way })),
    bindUdp: (addr, exit, options) =>
      Promise.resolve().then(() => inner.within(() => new LinuxUdpSocket(engine, addr, { ...exit, ...way }, options))),
    localAddrFor: (host) => Promise.resolve(host), // all addresses are reachable
    localAddrs: () => [],
  };
}

function nobody(): Promise<never> {
  return Promise.reject(new Error(`Cannot resolve: there is only ${INSIDE}`));
}
