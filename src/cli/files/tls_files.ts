import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import type { Certificate } from "../../admin/certificates.ts";
import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import type { TlsIdentity, TlsServerOptions } from "../../net/tls/tls.ts";
import { readText } from "./text_file.ts";

/** The TLS settings of a configuration, read from its files. */
export interface TlsFiles {
  /** For clients. */
  readonly server: TlsServerOptions | undefined;
  /** Authorities for upstream gateways. */
  readonly ca: string | undefined;
  readonly identity: TlsIdentity | undefined;
  /** For DNS servers. */
  readonly dnsCa: string | undefined;
  /** Validity of each certificate above, those for DNS servers included. */
  readonly certificates: readonly Certificate[];
}

/** Rejects with ConfigError, whose message never contains a line of a key. */
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
  // Not checkPrivateKey(), which Deno 2.4 lacks.
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
    // An Ed25519 certificate on Deno 2.4, whose TLS reports a key that does not match.
  }
  if (own !== certified) {
    throw new ConfigError(`Cannot use ${keyFile}: it is not the key of the certificate in ${certFile}`);
  }
  return { cert: certificates.join(""), key };
}

/** For a chain: it is invalid as soon as one certificate expires. */
function firstToExpire(option: string, chain: string | undefined): readonly Certificate[] {
  return validities(option, chain).slice(0, 1);
}

/** For authorities: a new one is listed beside the old one for a while. */
function lastToExpire(option: string, authorities: string | undefined): readonly Certificate[] {
  return validities(option, authorities).slice(-1);
}

function validities(option: string, text = ""): readonly Certificate[] {
  return blocks(text, "CERTIFICATE").flatMap((block) => {
    try {
      const { validFrom, validTo } = new X509Certificate(block);
      return { option, from: Date.parse(validFrom), until: Date.parse(validTo) };
    } catch {
      return []; // Deno 2.4 accepts this block as a certificate, and ignores it
    }
  }).sort((a, b) => a.until - b.until);
}

/** The PEM blocks of one kind: many files contain a certificate and its key, and Deno takes the first block for either. */
function blocks(pem: string, kind: string): readonly string[] {
  return Array.from(pem.matchAll(/^-----BEGIN ([A-Z ]*)-----[^]*?^-----END \1-----/gm))
    .filter(([, label]) => label!.endsWith(kind)).map(([block]) => `${block}\n`);
}

/** Parses all certificates: some runtimes report an invalid one only to each client. */
function firstCertificate(certificates: readonly string[], file: string): X509Certificate {
  const [first] = certificates.map((certificate, i) => {
    try {
      return new X509Certificate(certificate);
    } catch {
      throw new ConfigError(`Cannot use ${file}: certificate ${i + 1} in it is not valid`);
    }
  });
  if (!first) throw new ConfigError(`Cannot use ${file}: no certificate in PEM there`);
  return first;
}
