import process from "node:process";
import manifest from "../../package.json" with { type: "json" };

export const version: string = manifest.version;

/** The runtime and its version, as "deno 2.9.5". */
export const runtime: string = ["bun", "deno"].filter((name) => process.versions[name] !== undefined)
  .map((name) => `${name} ${process.versions[name]}`)[0] ?? `node ${process.versions.node}`;
