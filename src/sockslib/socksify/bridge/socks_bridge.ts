import { Method } from "../../../protocol/codes.ts";
import {
  decodeCredentials,
  decodeGreeting,
  encodeMethodSelection,
  encodeStatus,
} from "../../../protocol/negotiation.ts";
import { decodeRequest, encodeReply } from "../../../protocol/request.ts";
import { replyOf } from "../system_errors.ts";
import { type Greet, isPassword, take } from "./bridge.ts";

/** Larger than any message of a SOCKS client. */
const MAX_SIZE = 1024;

/** The gateway's half of a CONNECT, with username and password. */
export const greetBySocks: Greet = async (client, password) => {
  const { methods } = await take(client, decodeGreeting, MAX_SIZE);
  if (!methods.includes(Method.UsernamePassword)) throw new Error("Cannot serve a client of the bridge: no password");
  client.write(encodeMethodSelection(Method.UsernamePassword));
  const given = await take(client, decodeCredentials, MAX_SIZE);
  if (!isPassword(given.password, password)) {
    throw new Error("Cannot serve a client of the bridge: wrong password");
  }
  client.write(encodeStatus(0));
  const { destination } = await take(client, decodeRequest, MAX_SIZE);
  const refusal = (error: Error) => encodeReply(replyOf((error as { code?: unknown }).code));
  return { host: destination.host, port: destination.port, welcome: encodeReply(0), refusal };
};
