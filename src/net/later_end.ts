import type { TlsEnd } from "./tls.ts";

/** An end that is there when `opening` says. */
export function laterEnd(opening: Promise<TlsEnd>): TlsEnd {
  let end: TlsEnd | undefined;
  opening.then((opened) => end = opened, () => {});
  return {
    read: async () => await (end ?? await opening).read(),
    write: async (bytes) => await (end ?? await opening).write(bytes),
    closeWrite: async () => await (end ?? await opening).closeWrite(),
    close: () => end ? end.close() : void opening.then((end) => end.close(), () => {}),
  };
}
