import { interfaceAddrs } from "../kernel/host/interfaces.ts";
import { relay } from "../relay.ts";
import type { Exit, Net, OwnConnection, Socket } from "../socket.ts";
import type { Engine } from "./engine/engine.ts";
import { routedLocalAddr } from "../kernel/sockets/kernel_probe.ts";
import { dialTcp } from "./tcp_dial.ts";
import { LinuxListener } from "./tcp_listener.ts";
import { linuxRelay, type Relayed } from "./tcp_relay.ts";
import { LinuxSocket } from "./tcp_socket.ts";
import { SealedSocket } from "./tls/sealed_socket.ts";
import { HeldSocket } from "./transparent/held_socket.ts";
import { LinuxUdpSocket } from "./udp_socket.ts";

/** The adapter that owns its sockets through libc. They work only while the engine runs. */
export function linuxNet(engine: Engine): Net {
  return {
    bindsConnections: true,
    listen: (addr, options = {}) => Promise.resolve().then(() => new LinuxListener(engine, addr, options)),
    connect: (addr, options) => ownOf(engine, options)?.connect(addr, options?.cut) ?? dialTcp(engine, addr, options),
    bindUdp: (addr, exit, options) => Promise.resolve().then(() => new LinuxUdpSocket(engine, addr, exit, options)),
    relay: (asked, destination, options) => {
      if (asked instanceof HeldSocket && asked.isItself(destination)) return Promise.resolve("end");
      const client = asked instanceof HeldSocket ? asked.opened ?? asked : asked;
      return isOurs(client) && isOurs(destination)
        ? linuxRelay(engine, client, destination, options)
        : relay(client, destination, options, engine.timers);
    },
    localAddrFor: (host) => Promise.resolve(routedLocalAddr(engine.libc, host)),
    localAddrs: interfaceAddrs,
  };
}

/** What the client has itself, where a socket of ours would leave as it does. */
function ownOf({ options }: Engine, exit: Exit | undefined): OwnConnection | undefined {
  return options.mark === undefined && options.device === undefined ? exit?.own : undefined;
}

function isOurs(socket: Socket): socket is Relayed {
  return socket instanceof LinuxSocket || socket instanceof SealedSocket;
}
