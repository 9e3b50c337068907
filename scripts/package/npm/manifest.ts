/** Prints the package.json of the npm package: what is in it, and nothing that it would have to fetch. */
import project from "../../../package.json" with { type: "json" };

const { name, version, description, license, type } = project;

const manifest = {
  name,
  version,
  description,
  keywords: ["socks", "socks5", "proxy", "gateway", "ipv6", "rfc1928", "rfc3089"],
  license,
  type,
  bin: { gate46: "gate46.js" },
  man: "./gate46.1",
  exports: {
    ".": { types: "./types/mod.d.ts", default: "./gate46.js" },
    "./gate46.schema.json": "./gate46.schema.json",
    "./package.json": "./package.json",
  },
  types: "./types/mod.d.ts",
  files: ["gate46.js", "gate46.1", "gate46.notices.txt", "gate46.schema.json", "gate46.example.toml", "types"],
  engines: { bun: ">=1.2", deno: ">=2.4", node: ">=20" },
};

console.log(JSON.stringify(manifest, undefined, 2));
