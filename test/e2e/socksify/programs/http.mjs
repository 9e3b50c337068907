import http from "node:http";
import https from "node:https";

const get = (module, url, options = {}) =>
  new Promise((resolve, reject) => {
    module.get(url, options, (reply) => {
      const peer = `${reply.socket.remoteFamily} ${reply.socket.remotePort}`;
      let text = "";
      reply.setEncoding("utf8").on("data", (part) => text += part).on("end", () => resolve(`${text} ${peer}`));
    }).on("error", reject);
  });
const agent = new http.Agent({ keepAlive: true });
console.log(await get(http, "http://v6.test/1", { agent }));
console.log(await get(http, "http://v6.test/2", { agent }));
agent.destroy();
console.log(await get(https, "https://v6.test/secure"));
console.log(await get(http, "http://v6.test:99/").catch(({ code, syscall }) => `${code} ${syscall}`));
console.log(await get(https, "https://v6.test:99/").catch(({ code, syscall }) => `${code} ${syscall}`));
console.log(await get(https, "https://[fd46:4::2]/").catch(({ code }) => code));
