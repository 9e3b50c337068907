import { Buffer } from "node:buffer";
import { randomBytes, timingSafeEqual } from "node:crypto";
import net from "node:net";
import { joined } from "../../../protocol/octets.ts";

/** Time for a client's request (ms). */
const GREETING_MS = 10_000;

/** A proxy of this process for itself, for native calls that can only be redirected by a proxy setting. */
export interface Bridge {
  readonly port: number;
  /** Its password, so that nobody else on this machine can use it. The username is "gate46". */
  readonly password: string;
  /** The failure of `host` since `at` (of performance.now()), if any. */
  failure(host: string, at: number): Error | undefined;
}

/** The request of a bridge's client; rejects if it is invalid. */
export type Greet = (client: net.Socket, password: string) => Promise<Wish>;

export interface Wish {
  readonly host: string;
  readonly port: number;
  /** Bytes for the destination. */
  readonly head?: Uint8Array;
  /** Sent to the client when the destination is reached. */
  readonly welcome?: Uint8Array;
  /** Sent to the client when the destination is not reached, if the protocol can say it. */
  readonly refusal?: (error: Error) => Uint8Array;
  /** Filter for the destination's octets, if they are to be changed. */
  readonly filter?: (destination: net.Socket, client: net.Socket) => void;
}

/** Maximum failures remembered. */
const MAX_FAILURES = 256;

/** Listens on loopback. Its sockets do not keep the process running; the caller that waits for the answer does. */
export async function openBridge(greet: Greet): Promise<Bridge> {
  const password = randomBytes(16).toString("hex");
  const failures = new Map<string, { readonly error: Error; readonly at: number }>();
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: false }, (client) => {
    client.unref();
    client.on("error", () => client.destroy());
    client.setTimeout(GREETING_MS, () => client.destroy());
    greet(client, password).then((wish) => {
      client.setTimeout(0);
      join(client, wish, (error) => {
        failures.delete(wish.host);
        if (failures.size >= MAX_FAILURES) failures.clear();
        failures.set(wish.host, { error, at: performance.now() });
      });
    }, () => client.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  server.unref();
  return {
    port: (server.address() as net.AddressInfo).port,
    password,
    failure: (host, at) => {
      const failure = failures.get(host);
      return failure && failure.at >= at ? failure.error : undefined;
    },
  };
}

/** Connects by the replaced net.Socket.connect(), which knows what goes directly. */
function join(client: net.Socket, wish: Wish, failed: (error: Error) => void): void {
  const destination = new net.Socket({ allowHalfOpen: true });
  let connected = false;
  destination.on("error", (error) => {
    if (connected) return client.destroy();
    failed(error);
    if (wish.refusal) client.end(wish.refusal(error));
    else client.destroy();
  });
  client.on("close", () => destination.destroy());
  destination.on("close", () => client.destroySoon());
  destination.connect(wish.port, wish.host, () => {
    connected = true;
    destination.unref();
    destination.setNoDelay(true);
    client.setNoDelay(true);
    if (wish.welcome) client.write(wish.welcome);
    if (wish.head?.length) destination.write(wish.head);
    client.pipe(destination);
    if (wish.filter) wish.filter(destination, client);
    else destination.pipe(client);
  });
  destination.unref();
}

/** The result of `decode` for the first bytes; later bytes stay in the stream. */
export function take<T>(
  client: net.Socket,
  decode: (bytes: Uint8Array) => { readonly value: T; readonly size: number } | undefined,
  maxSize: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let bytes: Uint8Array = new Uint8Array(0);
    const over = (error?: unknown) => {
      client.off("readable", read).off("end", ended).off("close", ended);
      if (error) reject(error);
    };
    const ended = () => over(new Error("Cannot serve a client of the bridge: it has gone"));
    const read = () => {
      for (let part: Uint8Array | null; (part = client.read() as Uint8Array | null);) {
        bytes = joined(bytes, part);
        try {
          const found = decode(bytes);
          if (found) {
            over();
            if (found.size < bytes.length) client.unshift(bytes.subarray(found.size));
            return resolve(found.value);
          }
          if (bytes.length > maxSize) throw new Error("Cannot serve a client of the bridge: it says too much");
        } catch (error) {
          return over(error);
        }
      }
    };
    client.on("readable", read).on("end", ended).on("close", ended);
    read();
  });
}

/** In constant time. */
export function isPassword(given: Uint8Array, password: string): boolean {
  const expected = Buffer.from(password);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
