import { X509Certificate } from "node:crypto";
import type { Config } from "../../config/config.ts";
import { readText } from "./text_file.ts";
import { blocks } from "./tls_files.ts";

/** Who renews certificates does it sooner before their end (ms). */
const SOON_MS = 14 * 86_400_000;

/** What is wrong with the dates of a chain of certificates, or soon will be. */
export interface WrongDates {
  readonly says: string;
  /** It is taken yet. */
  readonly taken: boolean;
}

/** A line for each certificate of our own that others refuse for its dates, or soon will. */
export function endingCertificates(config: Config, now = Date.now()): readonly string[] {
  return ownCertificates(config).flatMap((file) => {
    try {
      const wrong = wrongDates(readText(file), now);
      return wrong ? [`Cannot rely on the certificate in ${file}: ${wrong.says}`] : [];
    } catch {
      return []; // who reads it for TLS says why that cannot be
    }
  });
}

/** The files with certificates that others are shown. */
export function ownCertificates({ tlsCert, viaCert }: Config): readonly string[] {
  return [tlsCert, viaCert].filter((file) => file !== undefined);
}

export function wrongDates(pem: string, now: number): WrongDates | undefined {
  const certificates = blocks(pem, "CERTIFICATE").map((one) => new X509Certificate(one));
  const from = Math.max(...certificates.map(({ validFrom }) => Date.parse(validFrom)));
  const until = Math.min(...certificates.map(({ validTo }) => Date.parse(validTo)));
  if (now < from) return { says: `it is not valid before ${day(from)}`, taken: false };
  if (now > until) return { says: `it has expired on ${day(until)}`, taken: false };
  return until - now < SOON_MS ? { says: `it expires on ${day(until)}`, taken: true } : undefined;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
