import type { ListenSpec } from "../../config/values/listen.ts";
import { isForward } from "../../gateway/settings.ts";
import { NetError, type NetErrorKind } from "../../net/error.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { addressText } from "../../protocol/address.ts";
import { log } from "../log/log.ts";

/** The flag of a listener, for error messages. */
export type ListeningFlag = "--listen" | "--forward" | "--admin" | "--publish";

export function flagOf({ only }: Pick<ListenSpec, "only">): ListeningFlag {
  return isForward(only) ? "--forward" : "--listen";
}

/** Calls `listen` for the given listener of `flag`; undefined if its address is missing but optional. Rejects with NetError. */
export async function listenAs<T>(
  flag: ListeningFlag,
  { addr, otherwise, optional }: ListenSpec,
  listen: (addr: SocketAddr) => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await listen(addr);
  } catch (error) {
    const missing = error instanceof NetError &&
      (error.kind === "address-not-available" || error.kind === "family-not-supported");
    if (missing && otherwise) return await listenAs(flag, { addr: otherwise, optional: false }, listen);
    if (!missing || !optional) throw told(flag, addr, error);
    log.warning(`not listening: ${error.message}`);
    return undefined;
  }
}

const words: Partial<Record<NetErrorKind, string>> = {
  "address-in-use": "the port is taken",
  "address-not-available": "this host has no such address",
  "family-not-supported": "this host has no such address",
  "permission-denied": "this user may not",
};

function told(flag: ListeningFlag, addr: SocketAddr, error: unknown): unknown {
  if (!(error instanceof NetError)) return error;
  const { kind, message } = error;
  const where = addressText(addr), front = `Cannot listen on ${where}: `;
  const state = message.startsWith(front) ? message.slice(front.length) : message;
  const taken = kind === "address-in-use";
  const word = taken && addr.unix !== undefined ? "another program listens there" : words[kind];
  const code = / \((E\w+)\)$/.exec(state)?.[1]; // the explanation comes from `words`
  const said = word === undefined ? state : `${word} (${code ?? state})`;
  const advice = taken ? `; choose another${flag === "--admin" ? ", or --admin off" : ""}` : "";
  return new NetError(kind, `Cannot listen for ${flag} on ${where}: ${said}${advice}`, { cause: error });
}
