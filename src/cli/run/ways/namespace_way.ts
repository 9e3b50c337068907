import { takeAllTraffic } from "../../../net/linux/child/all_traffic.ts";
import type { NetworkSockets } from "../../../net/linux/child/own_network.ts";
import { RawDatagrams, TransparentDatagrams } from "../../../net/linux/transparent/transparent_datagrams.ts";
import { TransparentListener } from "../../../net/linux/transparent/transparent_listener.ts";
import type { TakeTraffic } from "./traffic.ts";

/** All traffic that leaves the program's own network. */
export function trafficOf(sockets: NetworkSockets): TakeTraffic {
  return (engine, { isOther, other, datagram }) => {
    takeAllTraffic(engine.libc, sockets);
    const { tcp4, tcp6, udp4, udp6, raw4, raw6, packet } = sockets;
    const connections = new TransparentListener(engine, {
      descriptors: [tcp4, tcp6],
      gate: { packet, raw4, raw6 },
      isOther,
      other: (socket) => other(socket, socket.localAddr),
    });
    const replies = new RawDatagrams(engine.libc, raw4, raw6);
    for (const [fd, six] of [[udp4, false], [udp6, true]] as const) new TransparentDatagrams(engine, fd, six, datagram);
    return { connections, from: (addr) => replies.from(addr) };
  };
}
