/** The validity of a certificate of the configuration. Times in ms since 1970. */
export interface Certificate {
  /** The option that names its file, as "tls-cert". */
  readonly option: string;
  readonly from: number;
  readonly until: number;
}

/** Time before the expiry in which a certificate should be replaced. */
const SOON_MS = 14 * 86_400_000;

export function hasExpired({ until }: Certificate, now: number): boolean {
  return now >= until;
}

/** Two weeks before the expiry, or in the last quarter of a short life: some certificates last a day and are renewed hourly. */
export function expiresSoon({ from, until }: Certificate, now: number): boolean {
  return now >= until - Math.min(SOON_MS, (until - from) / 4);
}

/** One line for each certificate that should have been replaced. */
export function expiryWarnings(certificates: readonly Certificate[], now: number): readonly string[] {
  return certificates.filter((one) => expiresSoon(one, now)).map((one) => {
    const at = new Date(one.until).toISOString();
    return hasExpired(one, now)
      ? `Cannot use the certificate of --${one.option} any more: it expired at ${at}`
      : `Cannot use the certificate of --${one.option} for long: it expires at ${at}`;
  });
}
