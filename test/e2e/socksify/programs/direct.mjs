import { lookup } from "node:dns/promises";
import net from "node:net";

const failure = (port, host) =>
  new Promise((resolve) => net.connect(port, host).on("error", ({ code }) => resolve(code)));
console.log(await lookup("name.direct.test").catch(({ code }) => code === "EAI_AGAIN" ? "ENOTFOUND" : code));
console.log(await failure(99, "10.46.1.1"));
console.log((await lookup("v6.test", 4)).address.startsWith("198.18."));
