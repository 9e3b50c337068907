import type { TlsEnd } from "./tls.ts";

/** So much may be written to an end that is not there yet; whoever writes more waits for it. */
const MAX_EARLY = 64 << 10;

/**
 * An end that is there when `opening` says. `callOff` has it not opened any more: it is called when the end is closed before,
 * or no more can come to it.
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
