import { execFileSync } from "node:child_process";
import process from "node:process";

const script = 'fetch("http://v6.test/child").then((reply) => reply.text()).then((text) => console.log(text))';
process.stdout.write(execFileSync(process.execPath, ["-e", script]));
