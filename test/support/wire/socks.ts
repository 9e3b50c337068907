import { type Address, ipAddress, nameAddress } from "../../../src/protocol/address.ts";
import type { Command } from "../../../src/protocol/codes.ts";
import { decodeReply, encodeRequest, type RequestReply } from "../../../src/protocol/request.ts";
import { encodeCredentials } from "../../../src/protocol/negotiation.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { concat, Tcp } from "./tcp.ts";

export const greeting = Uint8Array.of(5, 1, 0);

/** The address a person would write. */
export function destination(host: string, port: number): Address {
  return ipAddress(host, port) ?? nameAddress(host, port);
}

export function request(command: Command, host: string, port: number): Uint8Array {
  return encodeRequest({ command, destination: destination(host, port) });
}

/** Reads one reply, octet by octet as far as its length demands. */
export async function readReply(client: Tcp): Promise<RequestReply> {
  let bytes = await client.read(10);
  for (;;) {
    const decoded = decodeReply(bytes);
    if (decoded) return decoded.value;
    bytes = concat(bytes, await client.read(1));
  }
}

/** Greets without authentication, asks, and reads the first reply. */
export async function ask(
  gateway: SocketAddr,
  command: Command,
  host: string,
  port: number,
): Promise<{ client: Tcp; reply: RequestReply }> {
  const client = await Tcp.to(gateway);
  try {
    client.write(greeting);
    await client.read(2);
    client.write(request(command, host, port));
    return { client, reply: await readReply(client) };
  } catch (error) {
    client.close(); // or it would take a place in the gateway until somebody's deadline
    throw error;
  }
}

export function credentials(username: string, password: string): Uint8Array {
  const octets = new TextEncoder();
  return encodeCredentials({ username: octets.encode(username), password: octets.encode(password) });
}
