import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { asNobodyInParticular, whyNoOwnNetwork } from "../../support/network/own_network.ts";
import { programs, type Target } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { onTerminal } from "../../support/program/terminal.ts";

const skip = skipped("gate46 run on a terminal", whyNoOwnNetwork());
const folder = temporaryFolder("terminal-run");
chmodSync(folder, 0o755);

type Step = readonly ["expect" | "send", string] | readonly ["size", rows: number, columns: number];

/** Keys of a terminal. */
const INTERRUPT = "\x03", SUSPEND = "\x1a";

/** Takes all steps with a shell on a terminal. */
async function take(steps: readonly Step[]): Promise<void> {
  const outer = [...asNobodyInParticular, "PS1=OUT> ", "bash", "--norc", "--noprofile", "-i"];
  const terminal = onTerminal(outer);
  for (const [kind, ...what] of steps) {
    if (kind === "expect") await terminal.shows(what[0] as string);
    else if (kind === "send") terminal.type(what[0] as string);
    else terminal.resize(...what as [rows: number, columns: number]);
  }
  await terminal.ended;
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

const run = ({ command }: Target, flags = "") => `${command.join(" ")} run ${flags}`;

const listening = `
import os, signal, sys
signal.signal(signal.SIGWINCH, lambda *_: print("size", *os.get_terminal_size(), flush=True))
print("foreground", os.tcgetpgrp(0) == os.getpgrp(), flush=True)
for line in sys.stdin: print("said", line.strip(), flush=True)
`;

const refusing = (port: number) => `
import signal, socket, sys
def caught(*_):
    print("caught", socket.create_connection(("six.test", ${port})).recv(9).decode(), flush=True)
    sys.exit()
signal.signal(signal.SIGTSTP, caught)
print("waits", flush=True)
while True: signal.pause()
`;

for (const target of programs) {
  describe(`gate46 run on a terminal, ${target.name}`, { skip }, () => {
    test("the program gets the terminal's keys, size and job control", () =>
      take([
        ["expect", "OUT> "],
        ["send", `${run(target)} -- python3 ${file("listening.py", listening)}\n`],
        ["expect", "foreground True"],
        ["size", 43, 132],
        ["expect", "size 132 43"],
        ["send", "hello\n"],
        ["expect", "said hello"],
        ["send", SUSPEND],
        ["expect", "OUT> "],
        ["send", "fg\n"],
        ["expect", "listening.py"],
        ["send", "again\n"],
        ["expect", "said again"],
        ["send", INTERRUPT],
        ["expect", "OUT> "],
        ["send", "echo code=$?\n"],
        ["expect", "code=130"],
        ["send", "exit\n"],
      ]));

    test("a program that ignores the suspend signal keeps its gateway", async () => {
      const server = createServer((socket) => socket.end("in touch")).unref();
      await new Promise<void>((resolve) => server.listen({ host: "::1", port: 0, ipv6Only: true }, resolve));
      const { port } = server.address() as { port: number };
      await take([
        ["expect", "OUT> "],
        ["send", `${run(target, "--host six.test=::1")} -- python3 ${file("refusing.py", refusing(port))}\n`],
        ["expect", "waits"],
        ["send", SUSPEND],
        ["expect", "caught in touch"],
        ["expect", "OUT> "],
        ["send", "exit\n"],
      ]);
      server.close();
    });

    test("--shell runs a shell that the user can suspend and continue", () => {
      const inner = file("shell", "#!/bin/sh\nPS1='IN> ' exec bash --norc --noprofile -i\n");
      return take([
        ["expect", "OUT> "],
        ["send", `SHELL=${inner} ${run(target, "--shell")}\n`],
        ["expect", "IN> "],
        ["send", "sh -c 'echo sl''eeps; exec sleep 100'\n"],
        ["expect", "sleeps"],
        ["send", SUSPEND],
        ["expect", "Stopped"],
        ["expect", "IN> "],
        ["send", "kill %1; suspend\n"],
        ["expect", "Stopped"],
        ["expect", "OUT> "],
        ["send", "fg\n"],
        ["expect", "IN> "],
        ["send", "exit 7\n"],
        ["expect", "OUT> "],
        ["send", "echo code=$?\n"],
        ["expect", "code=7"],
        ["send", "exit\n"],
      ]);
    });
  });
}
