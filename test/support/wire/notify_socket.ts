import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { until } from "../program/until.ts";

const receiver = `
import os, socket, sys
path = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + path[1:] if path[0] == "@" else path)
print("ready", flush=True)
while True: print(s.recv(4096).decode().replace("\\n", " "), flush=True)
`;

/** What stands in for systemd at NOTIFY_SOCKET. */
export async function receiveAt(path: string): Promise<{ said(): string; stop(): void }> {
  const child: ChildProcess = spawn("python3", ["-c", receiver, path], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => said += text);
  await until("it receives", () => said.startsWith("ready"));
  return { said: () => said, stop: () => void process.kill(child.pid!, "SIGKILL") };
}
