import type { Net } from "../../../src/net/socket.ts";

/** One of 127.0.0.1 that nobody listened on a moment ago: for what takes it for TCP and for UDP. */
export async function freePort(net: Net): Promise<number> {
  const listener = await net.listen({ host: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}
