/**
 * Where the body of a request ends (RFC 9112 s6). Octets behind it are the client's next request to this gateway, with its
 * credentials, and go to no server. The octets of the body go on unchanged.
 */
export interface RequestBody {
  /** Always false: octets beyond the end never go on. */
  readonly done: false;
  /** True once the whole request has passed: many servers take an end of the connection before it for a client that left. */
  readonly holdsEnd: boolean;
  /** The number of next octets that go on; passed() counts those that take() does not see. */
  readonly room: number;
  passed(size: number): void;
  /** A copy of those of these octets that go on. */
  take(chunk: Uint8Array): Uint8Array<ArrayBuffer>;
  end(): Uint8Array<ArrayBuffer>;
}

const nothing = new Uint8Array(0);

/**
 * `headSize` octets and then a body of so many octets; "chunked" for the chunked transfer coding (s7.1). `malformed` is called
 * for chunks that servers could read in different ways: the request never ends.
 */
export function requestBody(headSize: number, size: number | "chunked", malformed: () => void): RequestBody {
  let head = headSize + (size === "chunked" ? 0 : size);
  const chunks = size === "chunked" ? new Chunks(malformed) : undefined;
  return {
    done: false,
    get holdsEnd() {
      return head === 0 && chunks?.over !== false;
    },
    get room() {
      return head > 0 || !chunks ? head : chunks.room;
    },
    passed(size) {
      if (head > 0 || !chunks) head -= size;
      else chunks.passed(size);
    },
    take(chunk) {
      const front = Math.min(head, chunk.length);
      head -= front;
      return chunk.slice(0, chunks ? chunks.endIn(chunk, front) : front);
    },
    end: () => nothing,
  };
}

/** The longest chunk or trailer line that servers read. */
const MAX_LINE_SIZE = 8 << 10;

const LF = 0x0a;

/** Chunks as they pass. A line that servers could read in different ways does not go on, nor anything behind it. */
class Chunks {
  /** Waits for a line, or for so many octets of a chunk and the end of its line. */
  #state: "size" | "data" | "data-end" | "trailer" | "over" | "malformed" = "size";
  #left = 0;
  #line = "";
  readonly #told: () => void;

  constructor(malformed: () => void) {
    this.#told = malformed;
  }

  /** True once all of them have passed. */
  get over(): boolean {
    return this.#state === "over";
  }

  /** Octets left of the current chunk. */
  get room(): number {
    return this.#state === "data" ? this.#left : 0;
  }

  /** The number of those that have passed. */
  passed(size: number): void {
    this.#left -= size;
    if (this.#left === 0) this.#state = "data-end";
  }

  /** The end of the part of `bytes`, from `at`, that goes on. */
  endIn(bytes: Uint8Array, at: number): number {
    while (at < bytes.length && this.#state !== "over" && this.#state !== "malformed") {
      if (this.#state === "data") {
        const size = Math.min(this.#left, bytes.length - at);
        at += size;
        this.passed(size);
      } else at = this.#takeLine(bytes, at);
    }
    return at;
  }

  /** The end of the line that begins or continues at `at`; `at` itself if it is not a valid line. */
  #takeLine(bytes: Uint8Array, at: number): number {
    const end = bytes.indexOf(LF, at);
    const stop = end < 0 ? bytes.length : end + 1;
    if (this.#line.length + stop - at > MAX_LINE_SIZE) return this.#malformed(at);
    for (let i = at; i < stop; i++) this.#line += String.fromCharCode(bytes[i]!);
    if (end < 0) return stop;
    const line = this.#line.slice(0, -2), isLine = this.#line.endsWith("\r\n") && !line.includes("\r");
    this.#line = "";
    return isLine && this.#read(line) ? stop : this.#malformed(at);
  }

  /** False for any other line. */
  #read(line: string): boolean {
    switch (this.#state) {
      case "size": {
        const size = /^([0-9A-Fa-f]{1,8})(?:[\t ]*;.*)?$/.exec(line)?.[1];
        if (size === undefined) return false;
        this.#left = Number.parseInt(size, 16);
        this.#state = this.#left === 0 ? "trailer" : "data";
        return true;
      }
      case "data-end":
        this.#state = "size";
        return line === "";
      default:
        if (line === "") this.#state = "over";
        return true;
    }
  }

  #malformed(at: number): number {
    this.#state = "malformed";
    this.#told();
    return at;
  }
}
