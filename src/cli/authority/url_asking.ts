import { Buffer } from "node:buffer";
import { request as requestPlainly } from "node:http";
import { request as requestByTls } from "node:https";
import type { AskOutside } from "../../gateway/users/outside_users.ts";
import type { Clock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";

/** Timeout of a server's answer (ms); the client's own deadline, --handshake-timeout, is longer. */
const ANSWER_MS = 5_000;

/**
 * Asks a server by HTTP: a GET with Basic credentials (RFC 7617), as nginx's auth_request does. 2xx means yes, 401 and 403
 * mean no, and any other status is no answer. Only the status of an answer is read.
 */
export function askUrl(url: URL, clock: Clock): AskOutside {
  const unable = (state: string) => new NetError("busy", `Cannot ask ${url.origin} (--auth-url): ${state}`);
  const request = url.protocol === "https:" ? requestByTls : requestPlainly;
  const { hostname, port, pathname, search } = url;
  const where = { host: hostname.replace(/^\[|\]$/g, ""), ...port && { port }, path: pathname + search };
  return ({ user, password, client }) => {
    if (user.includes(":")) return Promise.resolve(false); // RFC 7617 s2 cannot encode a colon in the user ID
    const credentials = Buffer.concat([Buffer.from(`${user}:`), password]).toString("base64");
    const headers = { authorization: `Basic ${credentials}`, "x-forwarded-for": client };
    return new Promise((resolve, reject) => {
      const asked = request({ ...where, headers, agent: false }, (answer) => {
        const { statusCode: status = 0 } = answer;
        asked.destroy();
        if (status >= 200 && status < 300) resolve(true);
        else if (status === 401 || status === 403) resolve(false);
        else reject(unable(`it answers ${status}`));
      });
      const cancel = clock.after(ANSWER_MS, () => {
        asked.destroy();
        reject(unable(`it has not answered for ${ANSWER_MS / 1e3} s`));
      });
      asked.on("error", (error) => reject(unable((error as { code?: string }).code ?? error.message)));
      asked.on("close", () => {
        cancel();
        reject(unable("it closed the connection"));
      });
      asked.end();
    });
  };
}
