import { lookup } from "node:dns/promises";
import net from "node:net";
import tls from "node:tls";

const fake = (await lookup("v6.test", { family: 4 })).address;
await new Promise((resolve) => {
  let text = "";
  const socket = net.connect({ host: "v6.test", port: 7, allowHalfOpen: true });
  socket.write("written before it is connected\n");
  socket.on("connect", () => console.log(socket.remoteAddress === fake, socket.remotePort, socket.connecting));
  socket.setEncoding("utf8").on("data", (part) => {
    text += part;
    if (text.includes("connected")) socket.end();
  }).on("end", () => console.log(text.trim().split("\n").join(", "))).on("close", resolve);
});
const failure = (port, host) =>
  new Promise((resolve) => {
    net.connect(port, host).on("error", ({ code, errno, syscall, address, port }) => {
      console.log(code, typeof errno, syscall, address === (host === "v6.test" ? fake : host), port);
      resolve();
    });
  });
await failure(99, "v6.test");
await failure(99, "10.99.9.9");
await failure(99, "10.46.9.9");
await failure(99, "198.18.77.77");
await new Promise((resolve) => {
  const socket = net.connect(7, "v6.test").on("close", (failed) => resolve(console.log("destroyed", failed)));
  setTimeout(() => socket.destroy(), 1);
});
await new Promise((resolve) => {
  const raw = net.connect(443, "v6.test", () => {
    const socket = tls.connect({ socket: raw, servername: "v6.test" }, () => console.log(socket.authorized));
    socket.on("data", () => socket.destroy()).on("close", resolve).write("GET / HTTP/1.0\r\n\r\n");
  });
});
const own = net.createServer((socket) => socket.end()).listen(0, () => {
  const socket = net.connect(own.address().port, "localhost", () => {
    console.log("loopback", /^(::1|127\.0\.0\.1)$/.test(socket.remoteAddress));
    socket.destroy();
    own.close();
  });
});
