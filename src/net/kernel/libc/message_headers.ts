import type { Libc } from "./libc.ts";
import { SOCKADDR_SIZE } from "./sockaddr.ts";

/** Octets of struct mmsghdr, struct iovec, and of a control message that holds one number (recvmmsg(2), cmsg(3)); 64 bit. */
export const HEADER_SIZE = 64;
const IOVEC_SIZE = 16, CONTROL_SIZE = 24, CONTROL_HEADER_SIZE = 16;
const NAME_STRIDE = 32;

/** Offset of the received length in struct mmsghdr. */
export const SIZE_AT = 56;

/**
 * The structures of recvmmsg(2) and sendmmsg(2), for `count` messages with one buffer each. Nothing here
 * moves, and all of it lives as long as this object.
 */
export class MessageHeaders {
  readonly headers: Uint8Array<ArrayBuffer>;
  readonly names: Uint8Array<ArrayBuffer>;
  readonly #header: DataView;
  readonly #iovec: DataView;
  readonly #control: DataView;
  readonly #iovecs: Uint8Array<ArrayBuffer>;
  readonly #controls: Uint8Array<ArrayBuffer>;
  readonly #controlsAt: number;

  constructor(libc: Libc, count: number) {
    this.headers = new Uint8Array(count * HEADER_SIZE);
    this.names = new Uint8Array(count * NAME_STRIDE);
    this.#iovecs = new Uint8Array(count * IOVEC_SIZE);
    this.#controls = new Uint8Array(count * CONTROL_SIZE);
    this.#header = new DataView(this.headers.buffer);
    this.#iovec = new DataView(this.#iovecs.buffer);
    this.#control = new DataView(this.#controls.buffer);
    this.#controlsAt = libc.addressOf(this.#controls.buffer);
    const namesAt = libc.addressOf(this.names.buffer), iovecsAt = libc.addressOf(this.#iovecs.buffer);
    for (let i = 0; i < count; i++) {
      setPointer(this.#header, i * HEADER_SIZE, namesAt + i * NAME_STRIDE);
      setPointer(this.#header, i * HEADER_SIZE + 16, iovecsAt + i * IOVEC_SIZE);
      this.#header.setUint32(i * HEADER_SIZE + 24, 1, true);
    }
  }

  /** The socket address of message `i`. */
  name(i: number): Uint8Array<ArrayBuffer> {
    return this.names.subarray(i * NAME_STRIDE, i * NAME_STRIDE + SOCKADDR_SIZE);
  }

  nameAt(i: number): number {
    return i * NAME_STRIDE;
  }

  setNameSize(i: number, size: number): void {
    this.#header.setUint32(i * HEADER_SIZE + 8, size, true);
  }

  setMemory(i: number, address: number, size: number): void {
    setPointer(this.#iovec, i * IOVEC_SIZE, address);
    this.#iovec.setUint32(i * IOVEC_SIZE + 8, size, true);
  }

  /** Room for one control message. */
  expectControl(i: number): void {
    this.#pointAtControl(i, CONTROL_SIZE);
  }

  /** A control message with a 16-bit number in it, or none. */
  setControl(i: number, level: number, type: number, value: number): void {
    const at = i * CONTROL_SIZE;
    this.#control.setUint32(at, CONTROL_HEADER_SIZE + 2, true);
    this.#control.setInt32(at + 8, level, true);
    this.#control.setInt32(at + 12, type, true);
    this.#control.setUint16(at + CONTROL_HEADER_SIZE, value, true);
    this.#pointAtControl(i, CONTROL_SIZE);
  }

  clearControl(i: number): void {
    this.#header.setUint32(i * HEADER_SIZE + 40, 0, true);
  }

  /** The number in the control message of that type, or 0. */
  control(i: number, level: number, type: number): number {
    if (this.#header.getUint32(i * HEADER_SIZE + 40, true) === 0) return 0;
    const at = i * CONTROL_SIZE;
    if (this.#control.getInt32(at + 8, true) !== level || this.#control.getInt32(at + 12, true) !== type) return 0;
    return this.#control.getInt32(at + CONTROL_HEADER_SIZE, true);
  }

  /** Octets received. */
  size(i: number): number {
    return this.#header.getUint32(i * HEADER_SIZE + SIZE_AT, true);
  }

  #pointAtControl(i: number, size: number): void {
    setPointer(this.#header, i * HEADER_SIZE + 32, this.#controlsAt + i * CONTROL_SIZE);
    this.#header.setUint32(i * HEADER_SIZE + 40, size, true);
  }
}

function setPointer(view: DataView, at: number, address: number): void {
  view.setUint32(at, address % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(address / 2 ** 32), true);
}
