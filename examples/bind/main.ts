/** Has the gateway listen, and prints what the peer sends: main.ts socks5://127.0.0.1:1080. */
import process from "node:process";
import { Client, openNet, systemClock, systemResolver } from "../../mod.ts";

const [via = ""] = process.argv.slice(2);
const client = new Client({ net: await openNet(), clock: systemClock, resolver: systemResolver(), via });
const rendezvous = await client.bind({ host: "0.0.0.0", port: 0 }); // any peer
console.log(`the peer connects to ${rendezvous.addr.host} ${rendezvous.addr.port}`);
const { socket } = await rendezvous.accept({ deadlineMs: 60_000 });
const chunk = await socket.read();
console.log(`the peer says ${new TextDecoder().decode(chunk ?? new Uint8Array())}`);
socket.close();
process.exit(0);
