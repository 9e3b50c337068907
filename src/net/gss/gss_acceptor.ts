import type { GssAcceptor, GssContext } from "./gss.ts";
import { GSS_C_ACCEPT, type GssCalls } from "./gss_calls.ts";
import { LibraryContext } from "./gss_context.ts";
import { Slot } from "./gss_memory.ts";

export interface AcceptorOptions {
  /** The keytab file. Each context reads it again, so that a replacement counts at once. */
  readonly keytab: string;
  /** Only for this service, as "rcmd" or "rcmd@host"; for every key of the keytab where undefined. */
  readonly service?: string | undefined;
  /** The replay cache file; for undefined see accept(). */
  readonly replayCache?: string | undefined;
  /** True to look up local names, which may ask other hosts. */
  readonly locally?: boolean;
}

/** Accepts clients by the keys of a keytab; the library is opened for the first client. */
export function acceptorBy(open: () => GssCalls, options: AcceptorOptions): GssAcceptor {
  const credentials = new Map<boolean, Slot>();
  const credentialsFor = (negotiating: boolean): Slot => {
    let found = credentials.get(negotiating);
    if (!found) credentials.set(negotiating, found = acquire(open(), options, negotiating));
    return found;
  };
  return {
    check: () => void credentialsFor(false),
    accept: (negotiating = false) => accept(open(), credentialsFor(negotiating), options.locally === true),
    close: () => {
      for (const slot of credentials.values()) open().releaseCredentials(slot);
      credentials.clear();
    },
  };
}

/** Throws NetError. */
function acquire(
  calls: GssCalls,
  { keytab, service, replayCache }: AcceptorOptions,
  negotiating: boolean,
): Slot {
  const rcache = replayCache === undefined ? (negotiating ? "dfl:" : "none:") : `file2:${replayCache}`;
  // HTTP has its own (RFC 4559 s4.1).
  const said = negotiating ? service?.replace(/^[^@]*/, "HTTP") : service;
  const name = said === undefined ? undefined : calls.importName(said);
  try {
    return calls.credentials(GSS_C_ACCEPT, { keytab: `FILE:${keytab}`, rcache }, name, negotiating);
  } finally {
    if (name) calls.releaseName(name);
  }
}

function accept(calls: GssCalls, credentials: Slot, locally: boolean): GssContext {
  const context: LibraryContext = new LibraryContext(calls, (slot, token) => {
    const peer = new Slot(calls.library);
    try {
      const step = calls.accept(slot, credentials, token, peer);
      if (!peer.isEmpty) {
        context.peer = calls.displayName(peer.handle);
        if (locally) context.peerLocally = calls.localName(peer.handle);
      }
      return step;
    } finally {
      calls.releaseName(peer);
    }
  });
  return context;
}
