import { NetError } from "../../net/error.ts";
import type { Socket } from "../../net/socket.ts";
import type { Address } from "../../protocol/address.ts";
import { type Command, Method, Reply, replyText } from "../../protocol/codes.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { decodeMethodSelection, decodeStatus, encodeCredentials, encodeGreeting } from "../../protocol/negotiation.ts";
import { decodeReply, encodeRequest } from "../../protocol/request.ts";
import type { Hop } from "./hops.ts";

/** A gateway said no. */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
  readonly reply: number;

  constructor(reply: number, hop: number) {
    super(`Cannot reach the destination: gateway ${hop} says ${replyText(reply)}`);
    this.reply = reply;
  }
}

/**
 * The client's half of SOCKS on a connection to the first of `hops` (RFC 1928, RFC 1929), through all of them; `command`
 * is for the last. The bound address of its reply is the result. Rejects with NetError or ReplyError.
 */
export async function converse(
  socket: Socket,
  hops: readonly Hop[],
  command: Command,
  destination: Address,
): Promise<Address> {
  for (const [index, hop] of hops.entries()) {
    const next = hops[index + 1];
    try {
      await negotiate(socket, hop, index + 1);
      const request = { command: next ? 1 : command, destination: next?.address ?? destination };
      await socket.write(encodeRequest(request));
      const { reply, bound } = await take(socket, decodeReply);
      if (reply !== Reply.Succeeded) throw new ReplyError(reply, index + 1);
      if (!next) return bound;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw new NetError("other", `Cannot talk to gateway ${index + 1}: ${error.message}`, { cause: error });
    }
  }
  throw new RangeError("Cannot converse through no gateway");
}

async function negotiate(socket: Socket, { credentials }: Hop, hop: number): Promise<void> {
  const methods = credentials ? [Method.NoAuthentication, Method.UsernamePassword] : [Method.NoAuthentication];
  await socket.write(encodeGreeting({ methods }));
  const method = await take(socket, decodeMethodSelection);
  if (method === Method.NoAuthentication) return;
  if (method !== Method.UsernamePassword || !credentials) {
    const wants = credentials ? "takes no password" : "wants a password";
    throw new NetError("permission-denied", `Cannot log in to gateway ${hop}: it ${wants}`);
  }
  await socket.write(encodeCredentials(credentials));
  if (await take(socket, decodeStatus) !== 0) {
    throw new NetError("permission-denied", `Cannot log in to gateway ${hop}: it refuses the password`);
  }
}

/** No message of a gateway is longer. */
const MAX_SIZE = 512;

async function take<T>(
  socket: Socket,
  decode: (bytes: Uint8Array) => { readonly value: T; readonly size: number } | undefined,
): Promise<T> {
  const bytes = new Uint8Array(MAX_SIZE);
  for (let size = 0;;) {
    const part = await socket.read();
    if (!part) throw new NetError("closed", "Cannot talk to the gateway: it has hung up");
    if (size + part.length > MAX_SIZE) throw new NetError("other", "Cannot talk to the gateway: it says too much");
    bytes.set(part, size);
    size += part.length;
    const found = decode(bytes.subarray(0, size));
    if (found) return found.value;
  }
}
