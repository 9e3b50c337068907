import { Buffer } from "node:buffer";
import process from "node:process";
import { Cut } from "../../../net/cut.ts";
import { NetError } from "../../../net/error.ts";
import type { SocketAddr } from "../../../net/socket.ts";
import type { Address } from "../../../protocol/address.ts";
import { errorCode, errorNumber } from "../system_errors.ts";
import type { Socksifier } from "../socksifier.ts";
import { LentHandle } from "./lent_handle.ts";
import {
  type Connect,
  type ConnectRequest,
  type Handle,
  handlePrototype,
  onClose,
  type Owner,
  ownerOf,
  tellPeer,
} from "./socket_handle.ts";

/** A TLSSocket; its own handle stands on that of the connection. */
interface Secured {
  _handle: Handle & { readonly _parent?: Handle } | null;
}

/** The type of a TCP handle that is a socket. */
const SOCKET = 0;

/**
 * Replaces the connect of the handles that every net.Socket and TLSSocket stands on. The conversation with the gateway takes
 * place on the application's own handle, before the connect event: no byte is copied later, and every
 * option, event and time-out is the runtime's own.
 *
 * The handle of a TLSSocket of Node.js decrypts from the start: the conversation takes place on another handle, which it then
 * gets, as after trying several addresses. Call the returned function before it connects.
 */
export function replaceHandleConnect(socksifier: Socksifier): (secured: unknown) => void {
  const prototype = handlePrototype();
  const originals = { 4: prototype.connect, 6: prototype.connect6 };
  const securedOf = new WeakMap<Handle, Secured>();
  const replacement = (original: Connect): Connect =>
    function (request, address, port) {
      const peer = { host: address, port };
      let via: Address | NetError | undefined;
      try {
        via = socksifier.destinations.via(address, port);
      } catch (error) {
        via = error as NetError;
      }
      if (!via) return original.call(this, request, address, port);
      void open(this, request, peer, via);
      return 0;
    };
  prototype.connect = replacement(originals[4]);
  prototype.connect6 = replacement(originals[6]);
  return (secured) => {
    const handle = (secured as Secured)._handle, below = handle?._parent;
    if (!handle) return;
    if (!below || !reinitialize(secured as Secured)) {
      throw new Error("Cannot socksify: the handles of this runtime's TLS sockets are not as they were");
    }
    securedOf.set(below, secured as Secured);
  };

  async function open(
    handle: Handle,
    request: ConnectRequest,
    peer: SocketAddr,
    via: Address | NetError,
  ): Promise<void> {
    const secured = securedOf.get(handle);
    const talking = secured ? new (handle.constructor as new (type: number) => Handle)(SOCKET) : handle;
    const cut = new Cut();
    const released = onClose(handle, () => cut.make());
    let lent: LentHandle | undefined;
    let failure: unknown;
    try {
      if (via instanceof NetError) throw via;
      await socksifier.upstream.connect(via, async (hop) => {
        lent = new LentHandle(talking, hop);
        await lent.connect(request, originals[hop.host.includes(":") ? 6 : 4]);
        return lent.socket;
      }, cut);
    } catch (error) {
      failure = error;
    }
    // Out of the promise, so that what a listener throws is the application's uncaught exception.
    process.nextTick(() => {
      lent?.giveBack();
      if (secured && (failure || cut.made)) talking.close();
      if (cut.made) return;
      released();
      if (failure) {
        const failed = secured?._handle ?? handle;
        const status = errorNumber(errorCode(failure));
        return explain(ownerOf(failed), failure, () => request.oncomplete(status, failed, request, false, false));
      }
      const early = Buffer.from(lent!.socket.rest());
      onClose(talking, socksifier.pin(via as Address));
      if (secured) reinitialize(secured)!.call(secured, talking);
      const connected = secured?._handle ?? handle;
      tellPeer([talking, ownerOf(connected)?._handle], peer);
      request.oncomplete(0, connected, request, true, true);
      if (early.length > 0) ownerOf(connected)?.push(early);
    });
  }
}

/** Runs `fail`, and adds the cause to the error that destroys `owner`. */
function explain(owner: Owner | undefined, cause: unknown, fail: () => void): void {
  if (owner) {
    owner.destroy = (error) => {
      delete (owner as Partial<Owner>).destroy;
      if (error && error.cause === undefined) error.cause = cause;
      return owner.destroy(error);
    };
  }
  fail();
  if (owner) delete (owner as Partial<Owner>).destroy;
}

/** Gives a TLSSocket another handle; Node.js has had it since its sockets try several addresses. */
function reinitialize(secured: Secured): ((handle: Handle) => void) | undefined {
  for (let holder = Object.getPrototypeOf(secured); holder; holder = Object.getPrototypeOf(holder)) {
    const symbol = Object.getOwnPropertySymbols(holder).find(({ description }) =>
      description === "kReinitializeHandle"
    );
    if (symbol) return holder[symbol];
  }
  return undefined;
}
