/**
 * Asks the adapter for what the arguments say, one after another at the same time, and prints what came of each as JSON:
 * `dial.ts MODULE EXPORT connect:HOST:PORT… listen:HOST:PORT… udp:… localAddrFor:HOST`, HOST with "_" for ":";
 * `from:HOST:COUNT` connects so often from there to each of two places, and `families:_:0` by IPv4 and IPv6 to a listener on ::.
 */
import process from "node:process";
import { NetError } from "../../../../src/net/error.ts";
import type { Net } from "../../../../src/net/socket.ts";

async function outcome(net: Net, wish: string): Promise<string> {
  const [verb, name, port] = wish.split(":") as [string, string, string];
  const addr = { host: name.replaceAll("_", ":"), port: Number(port) };
  try {
    if (verb === "connect") (await net.connect(addr)).close();
    if (verb === "listen") (await net.listen(addr)).close();
    if (verb === "udp") (await net.bindUdp(addr)).close();
    if (verb === "localAddrFor") return await net.localAddrFor(addr.host) ?? "none";
    if (verb === "lost") {
      const socket = await net.bindUdp({ host: addr.host.includes(":") ? "::" : "0.0.0.0", port: 0 });
      return `lost ${await socket.send([{ bytes: new Uint8Array(5), addr }])}`;
    }
    if (verb === "from") return `${await connectedFrom(net, addr.host, addr.port)} to each`;
    if (verb === "families") {
      const { addr: { port } } = await net.listen({ host: "::", port: 0 });
      for (const host of ["127.0.0.1", "::1"]) (await net.connect({ host, port })).close();
    }
    return "done";
  } catch (error) {
    return error instanceof NetError ? error.kind : String(error);
  }
}

async function connectedFrom(net: Net, localAddr: string, count: number): Promise<number> {
  for (let place = 0; place < 2; place++) {
    const { addr } = await net.listen({ host: "127.0.0.1", port: 0 });
    await Promise.all(Array.from({ length: count }, () => net.connect(addr, { localAddr })));
  }
  return count;
}

const [module, open, ...wishes] = process.argv.slice(2) as [string, string, ...string[]];
const net: Net = await (await import(module))[open]();
const outcomes = await Promise.all(wishes.map(async (wish) => [wish, await outcome(net, wish)]));
process.stdout.write(`${JSON.stringify(Object.fromEntries(outcomes))}\n`, () => process.exit(0));
