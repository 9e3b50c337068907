/** Fetches a page through gateways: main.ts socks5://127.0.0.1:1080[,NEXT] HOST PORT. The last gateway resolves the name. */
import process from "node:process";
import { Client, openNet, systemClock, systemResolver } from "../../mod.ts";

const [via = "", host = "", port] = process.argv.slice(2);
const client = new Client({
  net: await openNet(),
  clock: systemClock,
  resolver: systemResolver(), // for the name of the first gateway
  via: via.split(","),
});
const socket = await client.connect({ host, port: Number(port) }, { deadlineMs: 10_000 });
await socket.write(new TextEncoder().encode(`GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`));
const text = new TextDecoder();
for (let chunk = await socket.read(); chunk; chunk = await socket.read()) {
  process.stdout.write(text.decode(chunk, { stream: true })); // a chunk is valid until the next read()
}
socket.close();
process.exit(0);
