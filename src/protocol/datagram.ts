import { type Address, encodeAddress, readAddress } from "./address.ts";
import { AddressType, Reply } from "./codes.ts";
import { type Cursor, decoder } from "./cursor.ts";
import { ProtocolError } from "./protocol_error.ts";

/** The maximum payload of a UDP datagram over IPv4: 65,535 less the IP and UDP headers. */
export const MAX_PAYLOAD_SIZE = 65_507;

/** The longest header: RSV, FRAG, ATYP, a name of 255 octets, PORT. */
export const MAX_HEADER_SIZE = 3 + 1 + 1 + 255 + 2;

/** FRAG's high-order bit: the last of a sequence (RFC 1928 s7). */
const END_OF_SEQUENCE = 0x80;

/** A UDP request header with its data (RFC 1928 s7); `payload` is a view of the datagram. */
export interface RelayedDatagram {
  /** FRAG: 0 stands alone, 1 to 127 is a position, the high bit ends the sequence. */
  readonly fragment: number;
  readonly address: Address;
  readonly payload: Uint8Array;
}

const decodeHeader = decoder((cursor: Cursor) => {
  cursor.u16(); // RSV
  return { fragment: cursor.u8(), address: readAddress(cursor) };
});

/** A datagram is always complete, so "need more" is a ProtocolError here. */
export function decodeDatagram(bytes: Uint8Array): RelayedDatagram {
  const header = decodeHeader(bytes);
  if (!header) throw new ProtocolError(`Cannot read a datagram: cut off after ${bytes.length} octets`);
  return { ...header.value, payload: bytes.subarray(header.size) };
}

/**
 * Octets of the header at the head of `bytes`, so that a header decoded before is recognised without decoding it again.
 * Undefined if it is cut off; throws ProtocolError 08 for an unknown ATYP.
 */
export function headerSize(bytes: Uint8Array): number | undefined {
  if (bytes.length < 5) return undefined;
  let size: number;
  switch (bytes[3]) {
    case AddressType.IPv4:
      size = 10;
      break;
    case AddressType.IPv6:
      size = 22;
      break;
    case AddressType.DomainName:
      size = 7 + bytes[4]!;
      break;
    default:
      throw new ProtocolError(
        `Cannot read a datagram: ATYP 0x${bytes[3]!.toString(16)}`,
        Reply.AddressTypeNotSupported,
      );
  }
  return size > bytes.length ? undefined : size;
}

export function encodeHeader(address: Address, fragment = 0): Uint8Array {
  const tail = encodeAddress(address);
  const out = new Uint8Array(3 + tail.length);
  out[2] = fragment;
  out.set(tail, 3);
  return out;
}

export function encodeDatagram({ fragment, address, payload }: RelayedDatagram): Uint8Array {
  const header = encodeHeader(address, fragment);
  const out = new Uint8Array(header.length + payload.length);
  out.set(header);
  out.set(payload, header.length);
  return out;
}

/**
 * The reassembly queue of one association (RFC 1928 s7): abandoned when its timer expires, or when a fragment comes
 * whose position is below the highest seen. A gap, another destination or too much data also abandons it.
 */
export class Reassembly {
  readonly #timeoutMs: number;
  #address: Address | undefined;
  #parts: Uint8Array[] = [];
  #size = 0;
  #startedAt = 0;

  /** The RFC requires a timer of at least 5 s. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Octets queued. */
  get size(): number {
    return this.#size;
  }

  /** Takes a datagram whose `fragment` is not 0, at time `now` (ms); returns the reassembled datagram when this one completes it. */
  add({ fragment, address, payload }: RelayedDatagram, now: number): RelayedDatagram | undefined {
    const position = fragment & ~END_OF_SEQUENCE;
    if (now - this.#startedAt >= this.#timeoutMs) this.abandon();
    const repeated = position !== 1 && position === this.#parts.length;
    if (repeated) return undefined;
    if (position <= this.#parts.length) this.abandon();
    const next = position === this.#parts.length + 1 && this.#size + payload.length <= MAX_PAYLOAD_SIZE &&
      (!this.#address || sameAddress(this.#address, address));
    if (!next) {
      this.abandon();
      return undefined;
    }
    if (!this.#address) {
      this.#address = address;
      this.#startedAt = now;
    }
    this.#parts.push(payload.slice());
    this.#size += payload.length;
    return fragment & END_OF_SEQUENCE ? this.#whole(address) : undefined;
  }

  /** Abandons the queue; also called when an unfragmented datagram comes in between. */
  abandon(): void {
    this.#address = undefined;
    this.#parts = [];
    this.#size = 0;
  }

  #whole(address: Address): RelayedDatagram {
    const payload = new Uint8Array(this.#size);
    let offset = 0;
    for (const part of this.#parts) {
      payload.set(part, offset);
      offset += part.length;
    }
    this.abandon();
    return { fragment: 0, address, payload };
  }
}

function sameAddress(a: Address, b: Address): boolean {
  return a.host === b.host && a.port === b.port && a.type === b.type;
}
