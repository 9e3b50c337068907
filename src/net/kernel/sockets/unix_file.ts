import { chmodSync, constants, lstatSync, renameSync, rmSync, type Stats, statSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import process from "node:process";
import { addressText } from "../../../protocol/address.ts";
import { netError } from "../../error.ts";
import type { Libc } from "../libc/libc.ts";
import { hasListener } from "./kernel_probe.ts";
import { type SocketAddr, unixAddr } from "../../socket.ts";

/** Default mode: only the user that gate46 runs as may connect. */
const OWNER_ONLY = 0o600;

export interface PlaceOptions {
  readonly mode?: number | undefined;
  /** This program succeeds one that listens there; place() takes its place once the start is certain. */
  readonly succeeds?: boolean;
}

/** A socket bound under a temporary name beside its path. */
interface BoundSocket<T> {
  readonly socket: T;
  /** Already done, unless this program succeeds another. */
  place(): void;
  /** Removes its file, unless another program has replaced it. */
  remove(): void;
}

/** A listening unix socket. */
export interface PlacedSocket<T> extends BoundSocket<T> {
  readonly addr: SocketAddr;
}

/**
 * Binds a socket by `bind`, and moves its file to `path` in one step: a client finds either the old socket, possibly the dead one
 * of a killed program, or the new one with the right mode. Rejects with NetError if another program listens, or another kind of
 * file is there.
 */
export async function placeSocket<T>(
  path: string,
  { mode = OWNER_ONLY, succeeds = false }: PlaceOptions,
  libc: Libc | undefined,
  bind: (path: string) => T,
): Promise<PlacedSocket<T>> {
  const addr = unixAddr(path);
  if (path.startsWith("@")) return { addr, socket: bind(path.replace("@", "\0")), place() {}, remove() {} };
  try {
    if (!statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory()) {
      throw { code: `there is no folder ${dirname(path)}` };
    }
    const there = statOf(path);
    if (there && !isSocket(there)) throw { code: "what is there is no socket" };
    if (there && !succeeds && await isAlive(path, libc)) throw { code: "EADDRINUSE" };
    const bound = { addr, ...bindBeside(path, mode, libc, bind) };
    if (!succeeds) bound.place();
    return bound;
  } catch (error) {
    throw netError(error, "listen on", addressText(addr));
  }
}

/**
 * The file has its mode from the beginning, by the umask: a user with write access to the folder could replace it by a link, which
 * a later chmod(2) would follow.
 */
function bindBeside<T>(
  path: string,
  mode: number,
  libc: Libc | undefined,
  bind: (path: string) => T,
): BoundSocket<T> {
  const setUmask = libc ? (mask: number) => libc.umask(mask) : (mask: number) => process.umask(mask);
  const unplaced = `${path}~${(process.pid % 1_296).toString(36)}`; // short: config/values/listen.ts leaves room for it
  rmSync(unplaced, { force: true });
  const umask = setUmask(0o777 & ~mode);
  let socket;
  try {
    socket = bind(unplaced);
  } finally {
    setUmask(umask);
  }
  const own = lstatSync(unplaced);
  if (!isSocket(own)) throw { code: "what was put there is no socket: others may write to that folder" };
  if ((own.mode & 0o777) !== mode) setMode(unplaced, mode);
  return {
    socket,
    place: () => renameSync(unplaced, path),
    remove() {
      rmSync(unplaced, { force: true });
      const now = statOf(path);
      if (now?.ino === own.ino && now.dev === own.dev) rmSync(path, { force: true });
    },
  };
}

/** For a runtime that ignores the umask, without libc (Deno 2.4): only if no other user can put a link there. */
function setMode(path: string, mode: number): void {
  const OTHERS_WRITE = 0o022;
  if ((statSync(dirname(path)).mode & OTHERS_WRITE) !== 0) throw { code: "others may write to that folder" };
  chmodSync(path, mode);
}

/** True if a program listens on the socket at `path`. Only libc is certain: Bun takes a full queue for a refusal. */
function isAlive(path: string, libc: Libc | undefined): Promise<boolean> {
  if (libc) return Promise.resolve(hasListener(libc, path));
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", (error) => resolve((error as { code?: string }).code !== "ECONNREFUSED"));
  });
}

/** Deno 2.4's isSocket() is always false. */
function isSocket({ mode }: Stats): boolean {
  return (mode & constants.S_IFMT) === constants.S_IFSOCK;
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
