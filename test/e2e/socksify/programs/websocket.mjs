const greeting = (url) =>
  new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onmessage = ({ data }) => {
      resolve(data);
      socket.close();
    };
    socket.onerror = () => resolve("error");
  });
console.log(await greeting("ws://v6.test/"), await greeting("wss://v6.test/"), await greeting("ws://v6.test:99/"));
