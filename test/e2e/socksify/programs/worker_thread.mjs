import net from "node:net";
import { parentPort } from "node:worker_threads";

net.connect(7, "v6.test").on("data", (bytes) => parentPort.postMessage(bytes.toString().trim()))
  .on("error", ({ code }) => parentPort.postMessage(code));
