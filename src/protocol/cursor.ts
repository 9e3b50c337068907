/** A whole message, and how many octets of the input it took. */
export interface Decoded<T> {
  readonly value: T;
  readonly size: number;
}

/** Decodes one message from the head of `bytes`: undefined means "need more", ProtocolError "this is not a message". */
export type Decode<T> = (bytes: Uint8Array) => Decoded<T> | undefined;

/**
 * Thrown by a Cursor at its end; never leaves decode(). Not an Error: V8 would read the whole executable's source for its
 * stack while modules load, and each thread would start 25 ms later.
 */
const needMore = Symbol("need more");

/** Reads network-order fields from the head of a buffer. The views it hands out share the buffer's memory. */
export class Cursor {
  offset = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(): number {
    if (this.offset >= this.#bytes.length) throw needMore;
    return this.#bytes[this.offset++]!;
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  view(size: number): Uint8Array {
    const end = this.offset + size;
    if (end > this.#bytes.length) throw needMore;
    const view = this.#bytes.subarray(this.offset, end);
    this.offset = end;
    return view;
  }
}

/** Makes a Decode of a straight-line reader: running out of bytes becomes "need more". */
export function decoder<T>(read: (cursor: Cursor) => T): Decode<T> {
  return (bytes) => {
    const cursor = new Cursor(bytes);
    try {
      const value = read(cursor);
      return { value, size: cursor.offset };
    } catch (error) {
      if (error === needMore) return undefined;
      throw error;
    }
  };
}
