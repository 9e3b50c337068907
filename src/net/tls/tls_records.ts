/** Record types (RFC 8446 s5.1), and the size of an alert that TLS 1.3 has sealed as data: level, description, type, tag. */
const ALERT = 21, DATA = 23, SEALED_ALERT_SIZE = 19;

/** Watches the records of one direction of TLS: only they distinguish an announced end from a cut connection. */
export class TlsRecords {
  readonly #head = new Uint8Array(5);
  #headSize = 0;
  #missing = 0;

  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#missing > 0) {
        const size = Math.min(this.#missing, bytes.length - at);
        this.#missing -= size;
        at += size;
        continue;
      }
      this.#head[this.#headSize++] = bytes[at++]!;
      if (this.#headSize < this.#head.length) continue;
      this.#headSize = 0;
      this.#missing = this.#size;
    }
  }

  /** True if the last record is, or looks like, close_notify: only two octets of data are as short. */
  get farewell(): boolean {
    const type = this.#head[0];
    const isWhole = this.#headSize === 0 && this.#missing === 0;
    return isWhole && (type === ALERT || (type === DATA && this.#size === SEALED_ALERT_SIZE));
  }

  get #size(): number {
    return this.#head[3]! << 8 | this.#head[4]!;
  }
}
