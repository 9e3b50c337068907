import { closeSync, openSync, writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { ConfigError } from "../../config/config_error.ts";
import { print } from "../print.ts";
import { usersFileLine } from "../files/users_file.ts";

/** Who may read a file of hashes: a shell's `>>` would let everybody. */
const OWNER_ONLY = 0o600;

/** `gate46 hash-password NAME`: reads a password, and prints the line for --users-file or appends it to `file`. Rejects with ConfigError. */
export async function hashPasswordCommand(name: string, file: string | undefined): Promise<void> {
  if (name === "" || /[:\r\n\0]/.test(name) || /^[#\ufeff]/.test(name)) {
    throw new ConfigError(
      `Cannot use the name '${name}': empty, or with ':', a line end or an octet 0 in it, or beginning with '#' or a byte order mark`,
    );
  }
  const password = new TextEncoder().encode(await readPassword());
  if (password.length === 0 || password.length > 255 || password.includes(0)) {
    throw new ConfigError("Cannot hash the password: it has to have 1 to 255 octets, and none of them 0");
  }
  const line = `${await usersFileLine(name, password)}\n`;
  if (file === undefined) return await print(line);
  try {
    const fd = openSync(file, "a", OWNER_ONLY); // appendFileSync() of Deno changes the mode of a file that is there
    writeSync(fd, line);
    closeSync(fd);
  } catch (error) {
    throw new ConfigError(`Cannot write ${file}: ${(error as { code?: string }).code}`);
  }
}

/** One line of standard input, empty at its end; on a terminal after a prompt, edited but without echo. */
function readPassword(): Promise<string> {
  const terminal = process.stdin.isTTY === true;
  if (terminal) process.stderr.write("Password: ");
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal });
  return new Promise((resolve) => {
    lines.once("line", (line) => {
      resolve(line);
      lines.close();
    });
    lines.once("close", () => {
      if (terminal) process.stderr.write("\n");
      resolve("");
    });
  });
}
