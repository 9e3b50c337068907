/** Sends a datagram through the gateway and prints the answer: main.ts socks5://127.0.0.1:1080 HOST PORT TEXT. */
import process from "node:process";
import { Client, openNet, systemClock, systemResolver } from "../../mod.ts";

const [via = "", host = "", port, text = "hello"] = process.argv.slice(2);
const client = new Client({ net: await openNet(), clock: systemClock, resolver: systemResolver(), via });
const association = await client.associate({ deadlineMs: 10_000 });
await association.send(new TextEncoder().encode(text), { host, port: Number(port) });
const answer = await association.receive();
console.log(
  answer ? `${answer.source.port}: ${new TextDecoder().decode(answer.payload)}` : "the association has ended",
);
association.close();
process.exit(0);
