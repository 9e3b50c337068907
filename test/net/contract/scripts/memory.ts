/** Prints how many octets this process has grown by in one scenario: `memory.ts MODULE EXPORT SCENARIO`. */
import { once } from "node:events";
import process from "node:process";
import type { Listener, Net, Socket, SocketAddr, UdpSocket } from "../../../../src/net/socket.ts";

const MIB = 1 << 20;
const IDLE_MS = 60_000;

let listening: Promise<Listener> | undefined;

/** One listener for all: where many ports are in TIME_WAIT, the system takes long to find another. */
async function pair(net: Net): Promise<readonly [Socket, Socket]> {
  const listener = await (listening ??= net.listen({ host: "127.0.0.1", port: 0 }));
  const accepted = listener.accept();
  const client = await net.connect(listener.addr);
  return [client, (await accepted)!];
}

/** Who connected to a relay, and who the relay connected to. */
async function relayed(net: Net): Promise<readonly [Socket, Socket]> {
  const [[client, near], [far, server]] = [await pair(net), await pair(net)];
  void net.relay(near, far, { idleMs: IDLE_MS, counts: { up: 0, down: 0 } });
  return [client, server];
}

/** Writes until that takes longer than the kernel's buffers can explain. */
async function fill(socket: Socket): Promise<void> {
  const chunk = new Uint8Array(MIB);
  for (let i = 0; i < 128; i++) {
    const late = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), 500));
    if (await Promise.race([socket.write(chunk), late]) === "late") return;
  }
  throw new Error("Cannot fill the connection: 128 MiB were taken with nobody reading");
}

async function flood(socket: UdpSocket, addr: SocketAddr, size: number, count: number): Promise<void> {
  const batch = Array.from({ length: 50 }, () => ({ bytes: new Uint8Array(size), addr }));
  for (let sent = 0; sent < count; sent += batch.length) {
    await socket.send(batch);
    await new Promise((resolve) => setImmediate(resolve)); // lets what has come be taken in
  }
}

async function udpFlood(net: Net, size: number, count: number): Promise<() => Promise<void>> {
  const sender = await net.bindUdp({ host: "127.0.0.1", port: 0 });
  const receiver = await net.bindUdp({ host: "127.0.0.1", port: 0 });
  await flood(sender, receiver.addr, size, 100);
  await receiver.receive();
  return async () => {
    await flood(sender, receiver.addr, size, count);
    for (;;) { // and it lives on
      await sender.send([{ bytes: new Uint8Array(7), addr: receiver.addr }]);
      if ((await receiver.receive())!.some(({ bytes }) => bytes.length === 7)) return;
    }
  };
}

async function idle(net: Net, count: number): Promise<() => Promise<void>> {
  await relayed(net);
  return async () => {
    for (let i = 0; i < count; i++) {
      const [client, server] = await relayed(net);
      await client.write(Uint8Array.of(1)); // as one that has been used
      await server.read();
      await server.write(Uint8Array.of(1));
      await client.read();
    }
  };
}

async function rounds(net: Net, first: number, then: number): Promise<() => Promise<void>> {
  const round = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const [client, server] = await relayed(net);
      await client.write(new Uint8Array(1_000));
      await server.read();
      if (i % 8 === 0) server.close();
      else server.reset(); // leaves no port in TIME_WAIT
      await client.read().catch(() => {});
      client.close();
    }
  };
  await round(first);
  return () => round(then);
}

/** Each makes ready, and returns what is measured. */
const scenarios: Readonly<Record<string, (net: Net) => Promise<() => Promise<void>>>> = {
  idleRelays: (net) => idle(net, 200),
  manyIdleRelays: (net) => idle(net, 1_000),
  async slowReader(net) {
    const [client] = await pair(net);
    return () => fill(client);
  },
  async slowServer(net) {
    const [client] = await relayed(net);
    return () => fill(client);
  },
  async slowClient(net) {
    const [, server] = await relayed(net);
    return () => fill(server);
  },
  floodOfEmpty: (net) => udpFlood(net, 0, 200_000),
  floodOfSmall: (net) => udpFlood(net, 16, 200_000),
  floodOfLarge: (net) => udpFlood(net, 60_000, 3_000),
  connections: (net) => rounds(net, 100, 200),
  manyConnections: (net) => rounds(net, 400, 1_200),
};

const [module, open, scenario] = process.argv.slice(2) as [string, string, string];
const net: Net = await (await import(module))[open]();
const run = await scenarios[scenario]!(net);
const before = process.memoryUsage().rss;
await run();
if (!process.stdout.write(`${process.memoryUsage().rss - before}\n`)) await once(process.stdout, "drain");
process.exit(0);
