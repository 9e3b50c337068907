/** An echo server that meets the end of its descriptors: `echo.ts MODULE EXPORT` prints its port, and each time it is full. */
import process from "node:process";
import type { NetError } from "../../../../src/net/error.ts";
import type { Net, Socket } from "../../../../src/net/socket.ts";

async function echo(socket: Socket): Promise<void> {
  try {
    for (let chunk = await socket.read(); chunk; chunk = await socket.read()) await socket.write(chunk);
  } finally {
    socket.close();
  }
}

const [module, open] = process.argv.slice(2) as [string, string];
// The gateway has one too. Deno makes its descriptors for signals late, and panics when none is left for them.
process.on("SIGTERM", () => process.exit(0));
const net: Net = await (await import(module))[open]();
const listener = await net.listen({ host: "127.0.0.1", port: 0 });
console.log(listener.addr.port);
for (;;) {
  try {
    const socket = await listener.accept();
    if (!socket) break;
    echo(socket).catch(() => {});
  } catch (error) {
    console.log((error as NetError).kind);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
