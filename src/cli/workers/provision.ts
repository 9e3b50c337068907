import type { DnsReply, Question as DnsQuestion } from "../../dns/servers/message.ts";
import type { Transport } from "../../dns/servers/transport.ts";
import type { Authenticator } from "../../gateway/entrance/methods.ts";
import { Cut } from "../../net/cut.ts";
import type { Naming } from "../service/naming.ts";
import type { TlsSource } from "../service/tls_source.ts";
import type { TlsDesk } from "./tls_threads.ts";
import type { Question, Served } from "./worker_messages.ts";

/** A question to a DNS server is given up after so long (ms); who asks has given up before. */
const DNS_MS = 5_000;

/** What workers get, and whom they ask for what they cannot ask for themselves. */
export interface Provision {
  readonly setup: Served;
  readonly naming: Pick<Naming, "resolver" | "servers" | "close">;
  /** Closed with `naming`. */
  readonly source: TlsSource;
  readonly authenticator: Authenticator | undefined;
}

/** What a worker's question comes to, by the configuration that it is about; connections of TLS outlive that. */
export function answerBy(
  provision: Omit<Provision, "setup"> | undefined,
  question: Question,
  desk: TlsDesk,
  unwanted: Cut,
): Promise<unknown> {
  if (question.type === "tls") return desk.act(question.id, question.end, question.act);
  if (question.type === "tls-open") return desk.open(question.id, question.name, question.asker, provision?.source);
  const { naming: { resolver, servers }, authenticator } = provision!;
  switch (question.type) {
    case "resolve":
      return resolver.resolve(question.name, unwanted, question.asker);
    case "reverse":
      return resolver.reverse(question.address, unwanted, question.asker);
    case "dns":
      return askWithin(DNS_MS, servers[question.place]!, question.question, unwanted);
    case "verify":
      return authenticator!.verify(question, question.client, unwanted);
  }
}

async function askWithin(ms: number, server: Transport, question: DnsQuestion, unwanted: Cut): Promise<DnsReply> {
  const over = new Cut();
  const timer = setTimeout(() => over.make(), ms);
  const release = unwanted.on(() => over.make());
  try {
    return await server.ask(question, over);
  } finally {
    clearTimeout(timer);
    release();
  }
}
