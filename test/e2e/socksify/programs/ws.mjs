import { WebSocket } from "ws";

const greeting = (url) =>
  new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.on("message", (data) => {
      resolve(`${data}`);
      socket.close();
    }).on("error", ({ code }) => resolve(code));
  });
console.log(await greeting("ws://v6.test/"), await greeting("wss://v6.test/"), await greeting("ws://v6.test:99/"));
