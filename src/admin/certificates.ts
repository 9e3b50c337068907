/** What a certificate of the configuration holds for. Ms since 1970. */
export interface Certificate {
  /** Whose file it is in, as "tls-cert". */
  readonly option: string;
  readonly from: number;
  readonly until: number;
}

/** It should be another by then. */
const SOON_MS = 14 * 86_400_000;

export function hasExpired({ until }: Certificate, now: number): boolean {
  return now >= until;
}

/** Within two weeks, or the last quarter of a short life: there are some of a day, which are renewed by the hour. */
export function expiresSoon({ from, until }: Certificate, now: number): boolean {
  return now >= until - Math.min(SOON_MS, (until - from) / 4);
}

/** A line for each that should be another by now. */
export function expiryWarnings(certificates: readonly Certificate[], now: number): readonly string[] {
  return certificates.filter((one) => expiresSoon(one, now)).map((one) => {
    const at = new Date(one.until).toISOString();
    return hasExpired(one, now)
      ? `Cannot use the certificate of --${one.option} any more: it expired at ${at}`
      : `Cannot use the certificate of --${one.option} for long: it expires at ${at}`;
  });
}
