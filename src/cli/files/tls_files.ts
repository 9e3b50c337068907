import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import type { Certificate } from "../../admin/certificates.ts";
import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import type { TlsIdentity, TlsServerOptions } from "../../net/tls/tls.ts";
import { readText } from "./text_file.ts";

/** What a configuration says of TLS, read from its files. */
export interface TlsFiles {
  /** For clients. */
  readonly server: TlsServerOptions | undefined;
  /** For gateways to go through. */
  readonly ca: string | undefined;
  readonly identity: TlsIdentity | undefined;
  /** For DNS servers. */
  readonly dnsCa: string | undefined;
  /** How long each of them holds, and those for DNS servers. */
  readonly certificates: readonly Certificate[];
}

/** Rejects with ConfigError, which never repeats a line of a key. */
export async function readTlsFiles(config: Config): Promise<TlsFiles> {
  const { tlsCert, tlsKey, tlsClientCa, viaCa, viaCert, viaKey } = config;
  const server = await readIdentity(tlsCert, tlsKey), identity = await readIdentity(viaCert, viaKey);
  const clientCa = server && await readAuthorities(tlsClientCa), ca = await readAuthorities(viaCa);
  const dnsCa = await readAuthorities(config.dnsCa);
  return {
    server: server && { ...server, clientCa },
    ca,
    identity,
    dnsCa,
    certificates: [
      ...firstToExpire("tls-cert", server?.cert),
      ...lastToExpire("tls-client-ca", clientCa),
      ...firstToExpire("via-cert", identity?.cert),
      ...lastToExpire("via-ca", ca),
      ...lastToExpire("dns-ca", dnsCa),
    ],
  };
}

/** Certificates of authorities. */
async function readAuthorities(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const certificates = blocks(await readText(file), "CERTIFICATE");
  firstCertificate(certificates, file);
  return certificates.join("");
}

async function readIdentity(
  certFile: string | undefined,
  keyFile: string | undefined,
): Promise<TlsIdentity | undefined> {
  if (certFile === undefined || keyFile === undefined) return undefined;
  const certificates = blocks(await readText(certFile), "CERTIFICATE");
  const key = blocks(await readText(keyFile), "PRIVATE KEY").join("");
  const certificate = firstCertificate(certificates, certFile);
  // Not checkPrivateKey(), which Deno 2.4 does not have.
  const publicKey = (of: () => ReturnType<typeof createPublicKey>) =>
    String(of().export({ type: "spki", format: "pem" }));
  let own: string;
  try {
    own = publicKey(() => createPublicKey(createPrivateKey(key)));
  } catch {
    throw new ConfigError(`Cannot use ${keyFile}: no private key in PEM there that can be read without a password`);
  }
  let certified = own;
  try {
    certified = publicKey(() => certificate.publicKey);
  } catch {
    // Of Ed25519, by Deno 2.4, whose TLS says whether they fit.
  }
  if (own !== certified) {
    throw new ConfigError(`Cannot use ${keyFile}: it is not the key of the certificate in ${certFile}`);
  }
  return { cert: certificates.join(""), key };
}

/** Of a chain: without any of them it is worth nothing. */
function firstToExpire(option: string, chain: string | undefined): readonly Certificate[] {
  return validities(option, chain).slice(0, 1);
}

/** Of authorities: one that follows another stands beside it for a while. */
function lastToExpire(option: string, authorities: string | undefined): readonly Certificate[] {
  return validities(option, authorities).slice(-1);
}

function validities(option: string, text = ""): readonly Certificate[] {
  return blocks(text, "CERTIFICATE").flatMap((block) => {
    try {
      const { validFrom, validTo } = new X509Certificate(block);
      return { option, from: Date.parse(validFrom), until: Date.parse(validTo) };
    } catch {
      return []; // one that Deno 2.4 takes for a certificate, and passes over
    }
  }).sort((a, b) => a.until - b.until);
}

/** What a file of PEM has of such a kind: many have a certificate and its key in one, and Deno takes the first for what it wants. */
function blocks(pem: string, kind: string): readonly string[] {
  return Array.from(pem.matchAll(/^-----BEGIN ([A-Z ]*)-----[^]*?^-----END \1-----/gm))
    .filter(([, label]) => label!.endsWith(kind)).map(([block]) => `${block}\n`);
}

/** All are read: what is wrong in one of them some runtimes tell nobody but each client. */
function firstCertificate(certificates: readonly string[], file: string): X509Certificate {
  const [first] = certificates.map((certificate, i) => {
    try {
      return new X509Certificate(certificate);
    } catch {
      throw new ConfigError(`Cannot use ${file}: certificate ${i + 1} in it is none`);
    }
  });
  if (!first) throw new ConfigError(`Cannot use ${file}: no certificate in PEM there`);
  return first;
}
