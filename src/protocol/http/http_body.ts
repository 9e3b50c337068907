/**
 * Where the body of a request ends (RFC 9112 s6): what a client says behind it is for this gateway, with its credentials in it, and
 * goes to no server. Its octets go on as they came.
 */
export interface RequestBody {
  /** Always false: what is beyond the end never goes on. */
  readonly done: false;
  /** Whether all of the request has passed: many servers take an end of the connection behind it for one who left. */
  readonly holdsEnd: boolean;
  /** So many octets that come next go on; passed() is told of those that take() is not. */
  readonly room: number;
  passed(size: number): void;
  /** What of these octets goes on: a copy. */
  take(chunk: Uint8Array): Uint8Array<ArrayBuffer>;
  end(): Uint8Array<ArrayBuffer>;
}

const nothing = new Uint8Array(0);

/** `headSize` octets, and a body of so many behind them; "chunked" where it tells its size as it goes (s7.1). */
export function requestBody(headSize: number, size: number | "chunked"): RequestBody {
  let head = headSize + (size === "chunked" ? 0 : size);
  const chunks = size === "chunked" ? new Chunks() : undefined;
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

/** The longest line of chunks or of trailers that any server reads. */
const MAX_LINE_SIZE = 8 << 10;

const LF = 0x0a;

/** Chunks as they come by. Of lines that servers read in different ways none goes on, and nothing behind them. */
class Chunks {
  /** A line is awaited, or so many octets of a chunk and the end of its line. */
  #state: "size" | "data" | "data-end" | "trailer" | "over" | "malformed" = "size";
  #left = 0;
  #line = "";

  /** Whether all of them have come by. */
  get over(): boolean {
    return this.#state === "over";
  }

  /** Octets that are left of a chunk that has begun. */
  get room(): number {
    return this.#state === "data" ? this.#left : 0;
  }

  /** So many of those have come by. */
  passed(size: number): void {
    this.#left -= size;
    if (this.#left === 0) this.#state = "data-end";
  }

  /** Up to where `bytes`, from `at` on, go on. */
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

  /** Where the line ends that begins, or goes on, at `at`; there too where it is none. */
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

  /** False where it is no such line. */
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
    return at;
  }
}
