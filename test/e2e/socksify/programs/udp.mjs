import dgram from "node:dgram";
import { lookup } from "node:dns/promises";

const echoed = (socket, send) =>
  new Promise((resolve, reject) => {
    socket.once("message", (bytes, from) => resolve([bytes.toString(), from])).on("error", reject);
    send();
  });
const fake = (await lookup("v6.test")).address;
const socket = dgram.createSocket("udp4");
const [text, from] = await echoed(socket, () => socket.send("name", 7, "v6.test"));
console.log(text, from.address === fake, from.port, from.size, socket.address().port > 0);
console.log((await echoed(socket, () => socket.send("x".repeat(8_000), 7, fake)))[0].length);
socket.close();
const connected = dgram.createSocket("udp6");
connected.connect(7, "fd46:4::2", async () => {
  console.log((await echoed(connected, () => connected.send(["lit", "eral"])))[0], connected.remoteAddress().port);
  connected.close();
});
