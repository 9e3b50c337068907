import type { NotifiedCall } from "./notifications.ts";
import type { ProgramMemory } from "./program_memory.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** struct msghdr (recvmsg(2)) and where its fields are; struct mmsghdr has the number of octets behind it. */
export const MESSAGE_SIZE = 56, MANY_STRIDE = 64, MANY_SIZE_AT = 56;
const NAME_SIZE_AT = 8, CONTROL_SIZE_AT = 40, FLAGS_AT = 48;

/** More pieces than that the kernel refuses (UIO_MAXIOV). */
const MOST_PIECES = 1_024;
/** Maximum of a datagram, and of a useful control message. */
const MOST_OCTETS = 65_536, MOST_CONTROL = 4_096;

/** A message in a program's memory, or a place for one. */
export class MessageMemory {
  readonly #memory: ProgramMemory;
  readonly #tid: number;
  readonly #at: number;
  readonly #header: DataView;
  readonly nameAt: number;
  readonly nameSize: number;
  readonly controlAt: number;
  readonly controlSize: number;

  private constructor(memory: ProgramMemory, tid: number, at: number, header: DataView) {
    this.#memory = memory;
    this.#tid = tid;
    this.#at = at;
    this.#header = header;
    this.nameAt = this.#pointer(0);
    this.nameSize = header.getUint32(NAME_SIZE_AT, true);
    this.controlAt = this.#pointer(32);
    this.controlSize = Math.min(MOST_CONTROL, this.#pointer(CONTROL_SIZE_AT));
  }

  /** Undefined if it cannot be read. */
  static at(memory: ProgramMemory, { tid }: NotifiedCall, address: number): MessageMemory | undefined {
    const header = memory.read(tid, address, MESSAGE_SIZE);
    return header && new MessageMemory(memory, tid, address, new DataView(header.buffer));
  }

  /** The places and total number of its octets; undefined if they cannot be read. */
  pieces(): { readonly list: readonly (readonly [at: number, size: number])[]; readonly size: number } | undefined {
    const count = this.#pointer(24);
    if (count > MOST_PIECES) return undefined;
    const bytes = this.#memory.read(this.#tid, this.#pointer(16), 16 * count);
    if (!bytes) return undefined;
    const view = new DataView(bytes.buffer), list: [number, number][] = [];
    let left = MOST_OCTETS;
    for (let i = 0; i < count; i++) {
      const size = Math.min(left, pointer(view, 16 * i + 8));
      list.push([pointer(view, 16 * i), size]);
      left -= size;
    }
    return { list, size: MOST_OCTETS - left };
  }

  /** The octets to send; undefined if they cannot be read. */
  payload(): Bytes | undefined {
    const pieces = this.pieces();
    if (!pieces) return undefined;
    const all = new Uint8Array(pieces.size);
    let at = 0;
    for (const [address, size] of pieces.list) {
      const bytes = this.#memory.read(this.#tid, address, size);
      if (!bytes) return undefined;
      all.set(bytes, at);
      at += size;
    }
    return all;
  }

  /** Its control messages; empty without any. */
  control(): Bytes {
    return this.#memory.read(this.#tid, this.controlAt, this.controlAt ? this.controlSize : 0) ?? new Uint8Array(0);
  }

  /** Writes the received octets there; false if not all can be written. */
  put({ payload, name, control, flags }: Received): boolean {
    const tid = this.#tid, memory = this.#memory, header = new Uint8Array(MESSAGE_SIZE);
    header.set(new Uint8Array(this.#header.buffer));
    const view = new DataView(header.buffer), pieces = this.pieces();
    if (!pieces) return false;
    let at = 0;
    for (const [address, size] of pieces.list) {
      if (at >= payload.length) break;
      const piece = payload.slice(at, at + size);
      if (!memory.write(tid, address, piece)) return false;
      at += size;
    }
    if (this.nameAt) {
      if (!memory.write(tid, this.nameAt, name.slice(0, this.nameSize))) return false;
      view.setUint32(NAME_SIZE_AT, name.length, true);
    }
    if (!memory.write(tid, this.controlAt, control)) return false;
    view.setUint32(CONTROL_SIZE_AT, control.length, true);
    view.setUint32(CONTROL_SIZE_AT + 4, 0, true);
    view.setUint32(FLAGS_AT, flags, true);
    return memory.write(tid, this.#at, header);
  }

  #pointer(at: number): number {
    return pointer(this.#header, at);
  }
}

/** A datagram as recvmsg(2) returns it. */
export interface Received {
  readonly payload: Bytes;
  readonly name: Bytes;
  readonly control: Bytes;
  readonly flags: number;
}

function pointer(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
