import { createRequire } from "node:module";

const { Bun } = globalThis;
const { request } = createRequire(import.meta.url)("undici"); // Bun's own
const [{ address: fake }] = await Bun.dns.lookup("v6.test", { family: 4 });
const talk = (options) =>
  new Promise((resolve, reject) => {
    let text = "";
    const socket = {
      open: (socket) => options.tls || socket.write("hello\n"),
      handshake: (socket, authorized) => authorized && socket.write("GET /tls HTTP/1.0\r\nHost: v6.test\r\n\r\n"),
      data(socket, bytes) {
        text += bytes;
        if (!text.includes("hello") && !text.includes("/tls")) return;
        resolve([text.trim().split("\n").at(-1), socket.remoteAddress === fake, socket.remotePort, socket.data]);
        socket.end();
      },
    };
    Bun.connect({ hostname: "v6.test", data: "own", socket, ...options }).catch(reject);
  });
console.log(...await talk({ port: 7 }));
console.log(...await talk({ port: 443, tls: true }));
console.log(await talk({ port: 99 }).catch(({ code }) => code));
await new Promise((resolve) => {
  const data = (socket, bytes, port, host) => {
    console.log(bytes.toString(), port, host === fake);
    socket.close();
    resolve();
  };
  Bun.udpSocket({ socket: { data } }).then((socket) => socket.send("datagram", 7, "v6.test"));
});
console.log(await (await Bun.fetch("http://v6.test/bun")).text());
console.log(await (await request("http://v6.test/undici")).body.text());
