/** Record types (RFC 8446 s5.1), and the size of an alert that TLS 1.3 has sealed as data: level, description, type, tag. */
const ALERT = 21, DATA = 23, SEALED_ALERT_SIZE = 19;

/** The records of one way of TLS as they pass: only they tell an end that was meant from a connection that was cut. */
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

  /** The last is, or looks like, the alert that says that no more will come: nothing else is as short, but for two octets of data. */
  get farewell(): boolean {
    const type = this.#head[0];
    const isWhole = this.#headSize === 0 && this.#missing === 0;
    return isWhole && (type === ALERT || (type === DATA && this.#size === SEALED_ALERT_SIZE));
  }

  get #size(): number {
    return this.#head[3]! << 8 | this.#head[4]!;
  }
}
