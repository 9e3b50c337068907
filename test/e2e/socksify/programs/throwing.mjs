import dgram from "node:dgram";
import net from "node:net";
import process from "node:process";

const told = [];
process.on("uncaughtException", ({ message }) => {
  told.push(message);
  if (told.length < 4) return;
  console.log(told.sort().join());
  process.exit();
});
const fail = (message) => () => {
  throw new Error(message);
};
net.connect(7, "v6.test", fail("connect"));
net.connect(7, "v6.test").on("data", fail("early"));
const socket = dgram.createSocket("udp4").on("message", fail("message"));
socket.send("datagram", 7, "v6.test", fail("sent"));
