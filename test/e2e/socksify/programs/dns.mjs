import dns, { lookup, promises } from "node:dns";
import { lookup as later, Resolver } from "node:dns/promises";
import { createRequire } from "node:module";
import { promisify } from "node:util";

const { v4, v6 } = await promises.lookup("v6.test", { all: true }).then(([a, b]) => ({ v4: a.address, v6: b.address }));
console.log(v4.startsWith("198.18."), v6.startsWith("fd"));
await new Promise((resolve) =>
  lookup("V6.Test", (error, address, family) => resolve(console.log(error, address === v4, family)))
);
console.log((await later("v6.test", 6)).address === v6, (await promisify(dns.lookup)("v6.test")).address === v4);
console.log((await new Resolver().resolve6("v6.test"))[0] === v6);
console.log((await promises.resolve4("v6.test", { ttl: true }))[0].ttl, await promises.reverse(v6));
console.log(await later("127.0.0.1"), (await later("localhost", 4)).address);
console.log(await later("not a name").catch(({ code, syscall, hostname }) => [code, syscall, hostname].join()));
const require = createRequire(import.meta.url);
console.log(require("dns").lookup === dns.lookup, typeof require("../../../../package.json").name);
