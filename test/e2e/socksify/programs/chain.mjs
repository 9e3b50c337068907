import dgram from "node:dgram";

console.log("http:", await (await fetch("http://inner.test/chain")).text());
const socket = dgram.createSocket("udp4");
socket.on("message", (bytes) => {
  console.log("udp:", bytes.toString());
  socket.close();
}).send("datagram", 7, "inner.test");
