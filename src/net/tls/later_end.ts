import type { TlsEnd } from "./tls.ts";

/** Octets that may be written before the end exists; further writes wait. */
const MAX_EARLY = 64 << 10;

/**
 * An end that exists once `opening` resolves. `callOff` cancels its opening: it is called if the end is closed before,
 * or nothing more can come to it.
 */
export function laterEnd(opening: Promise<TlsEnd>, callOff = () => {}): TlsEnd {
  let end: TlsEnd | undefined, room = MAX_EARLY;
  let early = Promise.resolve();
  opening.then((opened) => end = opened, () => {});
  return {
    read: async () => await (end ?? await opening).read(),
    write: async (bytes) => {
      room -= bytes.length;
      if (end || room < 0) {
        await early;
        return await (end ?? await opening).write(bytes);
      }
      const kept = bytes.slice(); // the view is lent
      early = early.then(async () => await (await opening).write(kept));
      early.catch(() => {});
    },
    closeWrite: async () => {
      if (!end) callOff();
      await early;
      await (end ?? await opening).closeWrite();
    },
    close: () => {
      if (end) return end.close();
      callOff();
      opening.then((end) => end.close(), () => {});
    },
  };
}
