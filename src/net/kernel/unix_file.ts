import { chmodSync, constants, lstatSync, renameSync, rmSync, type Stats, statSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import process from "node:process";
import { addressText } from "../../protocol/address.ts";
import { netError } from "../error.ts";
import type { Libc } from "./libc/libc.ts";
import { hasListener } from "./kernel_probe.ts";
import { type SocketAddr, unixAddr } from "../socket.ts";

/** Who may connect where nobody says it: the user that gate46 runs as. */
const OWNER_ONLY = 0o600;

export interface PlaceOptions {
  readonly mode?: number | undefined;
  /** This program succeeds one that listens there, whose place it takes by place(), once it is sure to. */
  readonly succeeds?: boolean;
}

/** A socket that is bound beside its place. */
interface BoundSocket<T> {
  readonly socket: T;
  /** Done already, unless this program succeeds another. */
  place(): void;
  /** Removes its file, unless another program has put its own there. */
  remove(): void;
}

/** A unix socket that listens. */
export interface PlacedSocket<T> extends BoundSocket<T> {
  readonly addr: SocketAddr;
}

/**
 * Has `bind` bind a socket, and puts its file at `path` in one step: whoever connects finds the one that was there, a dead one of
 * a program that was killed, or the new one, with the right mode. Rejects with NetError where another listens, or something
 * else is there.
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
 * The file has its mode from the beginning, by the umask: who may write to the folder could put a link in its place, which a
 * chmod(2) afterwards would follow.
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

/** Where the runtime heeds no umask, and libc cannot be called (Deno 2.4): only where nobody else can put a link there. */
function setMode(path: string, mode: number): void {
  const OTHERS_WRITE = 0o022;
  if ((statSync(dirname(path)).mode & OTHERS_WRITE) !== 0) throw { code: "others may write to that folder" };
  chmodSync(path, mode);
}

/** Whether somebody listens on the socket at `path`. Only libc says for sure: Bun takes a queue that is full for a refusal. */
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
