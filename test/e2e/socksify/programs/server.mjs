// What the socksified programs talk to: server.mjs HOST KEY CERTIFICATE.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import dgram from "node:dgram";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import process from "node:process";

const [host, key, cert] = process.argv.slice(2);

function answer(request, reply) {
  if (request.url === "/moved") return reply.writeHead(302, { location: "http://v6.test:8080/new" }).end();
  let size = 0;
  request.on("data", (bytes) => size += bytes.length);
  request.on("end", () => {
    const scheme = request.socket.encrypted ? "https" : "http";
    reply.end(`${request.method} ${scheme}://${request.headers.host}${request.url} ${size}`);
  });
}

// A WebSocket that says "hello", and echoes nothing (RFC 6455 s4.2.2, s5.2).
function upgrade(request, socket) {
  const accept = createHash("sha1").update(
    `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
  )
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.write(Buffer.concat([Buffer.from([0x81, 5]), Buffer.from("hello")]));
  socket.on("error", () => {}).on("data", () => socket.end(Buffer.from([0x88, 0])));
}

const secure = { key: readFileSync(key), cert: readFileSync(cert) };
http.createServer(answer).on("upgrade", upgrade).listen(80, host);
http.createServer(answer).listen(8080, host);
https.createServer(secure, answer).on("upgrade", upgrade).listen(443, host);
// Speaks first, so that its bytes come right behind the gateway's reply; answers the end of what it hears with another line.
net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("error", () => {}).write("early\n");
  socket.on("data", (bytes) => socket.write(bytes)).on("end", () => socket.end("late\n"));
}).listen(7, host);
const echo = dgram.createSocket("udp6");
echo.on("message", (bytes, { address, port }) => echo.send(bytes, port, address)).bind(7, host);
