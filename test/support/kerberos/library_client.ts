/** Goes through the gateway of the first URL to the port of the second argument, with a ticket; prints what it is answered. */
import process from "node:process";
import { Client, openGssInitiator, openNet, systemClock, systemResolver } from "../../../mod.ts";

const [via, port] = process.argv.slice(2) as [string, string];
const client = new Client({
  net: await openNet(),
  clock: systemClock,
  resolver: systemResolver(),
  gss: await openGssInitiator(),
  via,
});
const socket = await client.connect({ host: "127.0.0.1", port: Number(port) });
await socket.write(new TextEncoder().encode("ticket"));
process.stdout.write(new TextDecoder().decode((await socket.read())!));
socket.close();
