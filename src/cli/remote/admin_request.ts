import { Buffer } from "node:buffer";
import { request } from "node:http";
import { NetError } from "../../net/error.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { addressText } from "../../protocol/address.ts";
import { codeText } from "../../net/error_words.ts";

/** Timeout of the program's answer (ms). */
const PATIENCE_MS = 3_000;

export interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Asking {
  readonly token: string | undefined;
  readonly patienceMs?: number | undefined;
}

/** Asks the admin endpoint at `addr`, by node:http: the runtimes' fetch() differ for unix sockets. Rejects with NetError. */
export function askAdmin(
  addr: SocketAddr,
  method: string,
  path: string,
  { token, patienceMs = PATIENCE_MS }: Asking,
): Promise<Answer> {
  const { host, port, unix } = addr;
  const to = unix === undefined ? { host, port } : { socketPath: unix.replace(/^@/, "\0") };
  return new Promise((resolve, reject) => {
    const fail = (state: string) => reject(new NetError("other", `Cannot ask ${addressText(addr)}: ${state}`));
    const late = setTimeout(() => {
      fail("no answer");
      asking.destroy();
    }, patienceMs);
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const asking = request({ ...to, method, path, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("error", () => fail("its answer is incomplete"));
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => {
        clearTimeout(late);
        resolve({ status: answer.statusCode!, text: Buffer.concat(chunks).toString("utf8") });
      });
    });
    asking.on("error", (error) => {
      clearTimeout(late);
      const { code } = error as { code?: string };
      fail(code === "EACCES" ? codeText(code) : "no gateway answers there");
    });
    asking.end();
  });
}
