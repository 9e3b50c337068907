import { nameAddress } from "../../protocol/address.ts";
import { decodeClientHello, encodeTlsAlert, TLS_HANDSHAKE, TlsAlert } from "../../protocol/client_hello.ts";
import { AddressType, Command, Reply } from "../../protocol/codes.ts";
import { type HttpHost, httpHostDecoder } from "../../protocol/http/http_request.ts";
import { encodeHttpAnswer } from "../../protocol/http/http_response.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import type { Decode } from "../../protocol/cursor.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { ByName } from "../settings.ts";
import type { Entrance, Wish } from "./entrance.ts";
import { http } from "./http.ts";

/**
 * Entrances for clients without a proxy setting: they connect here as if this were the server, and their destination is the name
 * that they request from it. Their octets are forwarded unchanged, and only rules with `names` allow it.
 */

const nothing = new Uint8Array(0);

/** TLS, by the server name of the ClientHello; nothing is decrypted. */
export function sni({ port }: Pick<ByName, "port">): Entrance {
  return {
    protocol: "sni",
    fits: (first) => first === TLS_HANDSHAKE,
    answer: ({ reply, error }) => {
      if (reply === Reply.Succeeded) return nothing;
      const unknown = reply === Reply.NotAllowed || error instanceof ProtocolError;
      return encodeTlsAlert(unknown ? TlsAlert.UnrecognizedName : TlsAlert.InternalError);
    },
    async take({ wire, here }) {
      const { serverName } = await wire.take(looked(decodeClientHello));
      if (serverName === undefined) throw wrong("the ClientHello names no server");
      return sniWish({ port }, here(), serverName);
    },
    turnAway: () => encodeTlsAlert(TlsAlert.UnrecognizedName),
  };
}

/** HTTP/1, by the Host field of the first request: the whole connection goes to that host. */
export function host({ port }: Pick<ByName, "port">): Entrance {
  return {
    protocol: "host",
    fits: http.fits,
    answer: (outcome) => {
      if (outcome.reply === Reply.Succeeded) return nothing;
      if (outcome.reply !== Reply.NotAllowed) return http.answer(outcome);
      return encodeHttpAnswer(421, "gate46: this host is not served here");
    },
    async take({ wire, here }) {
      const decode = httpHostDecoder();
      return hostWish({ port }, here(), await wire.take(looked((bytes) => decode(bytes)?.value)));
    },
    turnAway: http.turnAway,
  };
}

/** The destination of a client that requested that server at `here`. Throws ProtocolError. */
export function sniWish({ port }: Pick<ByName, "port">, here: SocketAddr, serverName: string): Wish {
  return wishFor(serverName, port ?? ownPort(here, 443));
}

/** The same for a Host field. */
export function hostWish({ port }: Pick<ByName, "port">, here: SocketAddr, { name, port: said }: HttpHost): Wish {
  const wish = wishFor(name, port ?? ownPort(here, 80));
  // A Host field names a port other than 80; the listener, not the client, chooses the port.
  if (said === undefined || said === here.port || said === wish.destination.port) return wish;
  throw wrong(`the request is for port ${said}`);
}

/** A message that is peeked at and left for the destination. */
function looked<T>(decode: (bytes: Uint8Array) => T | undefined): Decode<T> {
  return (bytes) => {
    const value = decode(bytes);
    return value && { value, size: 0 };
  };
}

/** The port that the client connected to, if there is one. */
function ownPort({ unix, port }: SocketAddr, otherwise: number): number {
  return unix === undefined ? port : otherwise;
}

/** Throws ProtocolError if the client does not request a name. */
function wishFor(name: string, port: number): Wish {
  const destination = nameAddress(name, port);
  if (destination.type !== AddressType.DomainName) throw wrong("the client asks for an address, not for a name");
  return { command: Command.Connect, destination, byName: true };
}

function wrong(state: string): ProtocolError {
  return new ProtocolError(`Cannot go by name: ${state}`, Reply.GeneralFailure);
}
