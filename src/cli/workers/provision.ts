import type { Authenticator } from "../../gateway/entrance/methods.ts";
import { systemClock } from "../../net/clock.ts";
import type { TakeStep } from "../../net/gss/gss_initiator.ts";
import { THE_GATEWAY } from "../../turns/fair_queue.ts";
import type { Cut } from "../../net/cut.ts";
import { withDeadline } from "../../net/deadline.ts";
import type { Naming } from "../service/naming.ts";
import type { TlsSource } from "../service/tls/tls_source.ts";
import type { TlsDesk } from "./tls_threads.ts";
import type { Question, Served } from "./messages/worker_messages.ts";

/** Timeout of a question to a DNS server (ms); the asking worker gives up before. */
const DNS_MS = 5_000;

/** Answers what workers cannot find out themselves. */
export interface Answerers {
  readonly naming: Pick<Naming, "resolver" | "servers" | "close">;
  /** Closed with `naming`. */
  readonly source: TlsSource;
  readonly authenticator: Authenticator | undefined;
  /** Asks KDCs. */
  readonly takeStep: TakeStep;
}

/** A configuration for workers, with its answerers. */
export interface Provision extends Answerers {
  readonly setup: Served;
}

/** The answer to a worker's question, by the configuration of that question; TLS connections outlive it. */
export function answerBy(
  answerers: Answerers | undefined,
  question: Question,
  desk: TlsDesk,
  unwanted: Cut,
): Promise<unknown> {
  if (question.type === "tls") return desk.act(question.id, question.end, question.act);
  if (question.type === "tls-open") return desk.open(question.id, question.name, question.asker, answerers?.source);
  const { naming: { resolver, servers }, authenticator, takeStep } = answerers!;
  switch (question.type) {
    case "resolve":
      return resolver.resolve(question.name, unwanted, question.asker);
    case "reverse":
      return resolver.reverse(question.address, unwanted, question.asker);
    case "dns":
      return withDeadline(
        systemClock,
        { deadlineMs: DNS_MS, cut: unwanted },
        "ask a DNS server",
        (over) => servers[question.place]!.ask(question.question, over),
      );
    case "gss-step":
      return takeStep(question, question.asker ?? THE_GATEWAY, unwanted);
    case "verify":
      return authenticator!.verify(question, question.client, unwanted);
  }
}
