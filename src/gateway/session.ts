import { Command, commandName, Reply } from "../protocol/codes.ts";
import { ProtocolError } from "../protocol/protocol_error.ts";
import type { Credentials } from "../protocol/negotiation.ts";
import type { SessionEnd, SessionRecord } from "../events.ts";
import { pause } from "../net/clock.ts";
import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { AcceptedSocket, Leaving } from "../net/socket.ts";
import { AcceptedEncapsulatedSocket } from "../sockslib/gssapi/encapsulated_socket.ts";
import type { Encapsulation } from "../sockslib/gssapi/encapsulation.ts";
import { ReplyError } from "../sockslib/chain/reply_error.ts";
import { household } from "../protocol/ip/household.ts";
import { accessOf, mayGoWithout } from "./entrance/access.ts";
import type { Arrival, Listened } from "./entrance/arrival.ts";
import { associate } from "./udp/associate.ts";
import { forward } from "./udp/forward.ts";
import { associateInTcp } from "./udp/associate_in_tcp.ts";
import { bind } from "./commands/bind.ts";
import { connect } from "./commands/connect.ts";
import type { Conversation, Relaying, Serve } from "./commands/conversation.ts";
import type { Configured } from "./configured.ts";
import type { Exits } from "./dial/exits.ts";
import type { PathMemory } from "./dial/path_memory.ts";
import { budgetOf, type Limits } from "./limits/limits.ts";
import type { Shares } from "./limits/shares.ts";
import type { Answer, Outcome, Wish } from "./entrance/entrance.ts";
import { entranceFor, silentEntrance, turnedAway } from "./entrance/entrances.ts";
import type { Authenticator } from "./entrance/methods.ts";
import { socks5 } from "./entrance/socks5.ts";
import { Refusal } from "./rules/refusal.ts";
import type { Verdict } from "./rules/rule.ts";
import { replyFor } from "./reply.ts";
import { resolve, resolvePtr } from "./commands/resolve.ts";
import { refusal } from "./rules/ruleset.ts";
import type { Budget, GatewaySettings } from "./settings.ts";
import { ClientLeft, Wire } from "./entrance/wire.ts";

const commands: Readonly<Record<Command, Serve>> = {
  [Command.Connect]: connect,
  [Command.Bind]: bind,
  [Command.UdpAssociate]: associate,
  [Command.UdpInTcp]: associateInTcp,
  [Command.Resolve]: resolve,
  [Command.ResolvePtr]: resolvePtr,
  [Command.Forward]: forward,
};

/** Time for the client to close first after a failure; RFC 1928 s6 allows 10 s at most. */
const FAREWELL_MS = 2_000;

/** What all sessions of a gateway share. */
export interface SessionContext extends Configured {
  readonly waysOut: Exits;
  readonly limits: Limits;
  readonly paths: PathMemory;
}

/** One client connection: TLS if the listener has it, greeting, method, request, command, reply (RFC 1928 s3, s4, s6). */
export class Session {
  readonly record: SessionRecord;
  readonly #context: SessionContext;
  readonly #at: Listened;
  #client: AcceptedSocket;
  /** Undefined from when a relay begins. */
  #said: Wire | undefined;
  readonly #cut = new Cut();
  #answer: Answer = socks5.answer;
  #resets = false;
  #encapsulation: Encapsulation | undefined;
  #shares: Shares | undefined;
  #stopCounting: (() => void) | undefined;

  constructor(context: SessionContext, { at, socket, client, early }: Arrival, id: number) {
    this.#context = context;
    this.#at = at;
    this.#client = socket;
    this.#said = new Wire(socket, early);
    this.record = {
      id,
      client,
      startedAt: context.clock.now(),
      counts: { up: 0, down: 0 },
      datagrams: { up: 0, down: 0 },
      dropped: {},
    };
  }

  /** True once the client's request is complete. */
  get requested(): boolean {
    return this.record.command !== undefined;
  }

  get #wire(): Wire {
    return this.#said!;
  }

  /** True if the client needs no password although others do. */
  get #mayGoWithout(): boolean {
    return mayGoWithout(this.#context.settings.access, {
      client: this.record.client.host,
      listener: this.#at.listener,
    });
  }

  /** Serves the client to the end. Never rejects. */
  async run(): Promise<void> {
    const { clock, emit } = this.#context;
    emit({ type: "session-opened", session: this.record });
    try {
      const outcome = await this.#converse();
      this.#end(typeof outcome === "string" ? outcome : await this.#let(outcome));
    } catch (error) {
      await this.#fail(error);
    } finally {
      this.#stopCounting?.();
      this.#shares?.leave();
      this.#client.close();
    }
    this.record.endedAt = clock.now();
    emit({ type: "session-closed", session: this.record });
  }

  /** Ends the session at once. */
  cut(
    end: "drained" | "ended-by-operator" | "handshake-timeout" | "client-left" | "quota-reached" | "protocol-error",
  ): void {
    this.#end(end);
    this.#cut.make();
    this.#client.close();
  }

  /** Called within a relay, which goes on for the rest of its turn. */
  #violated(detail: string): void {
    void Promise.resolve().then(() => {
      this.record.detail = detail;
      this.cut("protocol-error");
    });
  }

  /** The first cause counts; later ones follow from it. */
  #end(end: SessionEnd): void {
    this.record.end ??= end;
  }

  /** How a relay ends. It may last for days: what the conversation was held with is let go. */
  #let({ relaying }: Relaying): Promise<SessionEnd> {
    this.#said = undefined;
    this.#answer = socks5.answer;
    return relaying;
  }

  async #converse(): Promise<SessionEnd | Relaying> {
    const { clock, settings } = this.#context;
    const cancel = clock.after(settings.handshakeMs, () => this.cut("handshake-timeout"));
    let wish;
    try {
      if (this.#at.tls) await this.#secure();
      wish = await this.#takeWish();
    } finally {
      cancel();
    }
    if (typeof wish === "string") {
      this.#end(wish);
      await this.#farewell();
      return wish;
    }
    const { command, destination } = wish;
    const flag = flagOf(command, settings);
    if (flag) {
      throw new ProtocolError(
        `Cannot serve command ${commandName(command)}: not without ${flag}`,
        Reply.CommandNotSupported,
      );
    }
    this.record.command = command;
    this.record.destination = destination;
    if (settings.audit) this.#context.emit({ type: "session-requested", session: this.record });
    const shares = this.#shares = this.#context.limits.shares();
    const conversation = this.#conversation(wish, shares);
    const refused = conversation.judge.command();
    if (refused) throw refusal(refused);
    try {
      this.#join(shares);
      this.#stopCounting = this.#countQuota();
      return await commands[command](conversation, destination);
    } catch (error) {
      this.#stopCounting?.();
      shares.leave();
      throw error;
    }
  }

  /** Joins the limits shared by sessions of the same [[access]] entry, and of the same user. Throws Refusal. */
  #join(shares: Shares): void {
    const { settings } = this.#context;
    const { client, username } = this.record;
    const access = accessOf(settings.access, { client: client.host, listener: this.#at.listener });
    if (access) joinOr(shares, `access ${access.name}`, access, access.name);
    if (username !== undefined) joinOr(shares, `user ${username}`, budgetOf(settings, username), "this user");
  }

  /** Counts it towards the quota of its user, if there is one. Throws Refusal where that is used up. */
  #countQuota(): (() => void) | undefined {
    const { settings, quotas } = this.#context;
    const { username } = this.record;
    if (!quotas || username === undefined || !settings.userQuotas.has(username)) return undefined;
    const until = quotas.usedUpUntil(username);
    if (until !== undefined) throw new Refusal(Reply.NotAllowed, `the quota of this user is used up until ${until}`);
    return quotas.count(this.record);
  }

  /** Rejects with ClientLeft or NetError. */
  async #secure(): Promise<void> {
    const { tls } = this.#context;
    if (!tls) throw new NetError("other", "Cannot speak TLS: no certificate");
    const asker = { client: household(this.record.client.host) };
    try {
      this.#client = await tls.accept(this.#client, asker, this.#wire.rest());
    } catch (error) {
      if (!(error instanceof NetError && error.kind === "closed")) throw error;
      throw new ClientLeft("The client left before TLS was agreed on", { cause: error });
    }
    if (this.#cut.made) this.#client.close();
    this.#said = new Wire(this.#client);
  }

  /** Encapsulates all later traffic. */
  #encapsulate(encapsulation: Encapsulation): Wire {
    this.#encapsulation = encapsulation;
    this.#client = new AcceptedEncapsulatedSocket(this.#client, encapsulation, this.#wire.rest());
    if (this.#cut.made) this.#client.close();
    return this.#said = new Wire(this.#client);
  }

  async #takeWish(): Promise<Wish | SessionEnd> {
    const { authenticator, clock, gssapi, settings } = this.#context;
    const entrance = silentEntrance(this.#at.only) ?? entranceFor(await this.#wire.peek(), this.#at.only, settings);
    this.#answer = entrance.answer;
    this.#resets = entrance.resets === true;
    this.record.protocol = entrance.protocol;
    const sentence = turnedAway(entrance, this.#at.only);
    if (sentence !== undefined) {
      await this.#wire.send(entrance.turnAway(sentence));
      this.record.detail = sentence;
      return "protocol-error";
    }
    const wish = await entrance.take({
      wire: this.#wire,
      here: () => this.#client.localAddr,
      record: this.record,
      mayGoWithout: !(authenticator || gssapi) || this.#mayGoWithout,
      isGood: authenticator &&
        ((credentials, hasSaidAll) =>
          this.#attended(() => this.#isGood(authenticator, credentials), false, hasSaidAll)),
      gssapi: gssapi && { acceptor: gssapi, settings, clock },
      violated: (detail) => this.#violated(detail),
      encapsulate: gssapi && ((encapsulation) => this.#encapsulate(encapsulation)),
    });
    if (typeof wish !== "string" && wish.answer) this.#answer = wish.answer;
    return wish;
  }

  /** Resolves when the client may have the verdict. Rejects with NetError. */
  async #isGood(authenticator: Authenticator, credentials: Credentials): Promise<boolean> {
    const { clock, emit } = this.#context;
    const { client } = this.record;
    const { good, waitMs = 0, tooMany } = await authenticator.verify(credentials, client.host, this.#cut);
    if (tooMany) {
      this.record.detail = "too many wrong passwords from this client";
      emit({ type: "client-turned-away", client, reason: "too-many-failures" });
    }
    if (waitMs > 0) await pause(clock, waitMs, this.#cut);
    return good;
  }

  /** See Conversation. */
  async #attended<T>(wait: () => Promise<T>, staysOpen = false, hasSaidAll = false): Promise<T> {
    const stop = this.#client.onLeft(this.#leaving(staysOpen, hasSaidAll));
    try {
      return await wait();
    } finally {
      stop();
    }
  }

  #leaving(staysOpen: boolean, hasSaidAll: boolean): (how: Leaving) => void {
    return (how) => {
      const mayWait = how === "half-close" || (how === "end" && (hasSaidAll || this.#wire.hasMore));
      if (mayWait && !staysOpen) return;
      // A connection closed with unread octets would be reset.
      if (how === "half-close") this.#client.read().catch(() => {});
      this.cut("client-left");
    };
  }

  #conversation({ command, byName, head, preface, idleMs }: Wish, shares: Shares): Conversation {
    const { client, username } = this.record;
    const { net, clock, resolver, nat64, paths, upstreams, ruleset, waysOut, settings } = this.#context;
    const admit = ruleset.hasRules
      ? ({ rule, budget }: Verdict) => budget && joinOr(shares, `rule ${rule}`, budget, rule)
      : undefined;
    // Named one by one: spread, and then added to, it is slow to make and to ask (0.7 kB more on V8, which may make a hash table of 10).
    return {
      net,
      clock,
      resolver,
      nat64,
      paths,
      upstreams,
      settings: idleMs === undefined ? settings : { ...settings, idleMs },
      judge: ruleset.judgeFor(
        { client, username, command: ruledAs(command), byName, listener: this.#at.listener },
        admit,
      ),
      asker: { client: household(client.host), user: username },
      exits: waysOut.of(this.record, this.#at.wayOut, this.#client.own),
      record: this.record,
      client: this.#client,
      wire: this.#wire,
      encapsulation: this.#encapsulation,
      cut: this.#cut,
      bandwidth: () => shares.bandwidth,
      attended: (wait, staysOpen) => this.#attended(wait, staysOpen, preface?.up !== undefined),
      audit: settings.audit
        ? (destination) => this.#context.emit({ type: "udp-destination", session: this.record, destination })
        : undefined,
      succeed: (bound) => this.#reply({ reply: Reply.Succeeded, bound }),
      head,
      preface,
    };
  }

  #reply(outcome: Outcome): Promise<void> {
    this.record.reply = outcome.reply;
    return this.#wire.send(this.#answer(outcome));
  }

  async #fail(error: unknown): Promise<void> {
    if (error instanceof ClientLeft) return this.#end("client-left");
    const foreseen = isForeseen(error);
    if (foreseen && this.#cut.made) return; // which has been answered
    if (!foreseen) this.#context.emit({ type: "fault", error });
    this.record.detail = error instanceof Refusal ? error.rule : foreseen ? error.message : "fault";
    // During a relay, and before the request, a broken connection is not a refusal.
    if (error instanceof NetError && (this.record.remote || !this.requested)) {
      return this.#end(error.kind === "reset" ? "reset" : "error");
    }
    this.#end(endOf(error));
    const reply = replyFor(error);
    if (foreseen ? reply === undefined : this.#cut.made) return;
    try {
      await this.#reply({ reply: reply ?? Reply.GeneralFailure, error });
      if (this.#resets) this.#client.reset();
      else await this.#farewell();
    } catch {
      // The client has left: there is nobody to answer.
    }
  }

  /** Lets the client read the last answer before the connection closes: closing at once would reset unread octets. */
  async #farewell(): Promise<void> {
    const cancel = this.#context.clock.after(FAREWELL_MS, () => this.#client.close());
    try {
      await this.#client.closeWrite();
      while (await this.#client.read() !== null);
    } catch {
      // Reset by the client: it has seen enough.
    } finally {
      cancel();
    }
  }
}

/** Throws Refusal if there are too many. */
function joinOr(shares: Shares, key: string, budget: Budget, whose: string): void {
  const state = shares.join(key, budget);
  if (state !== undefined) throw new Refusal(Reply.NotAllowed, `${state} of ${whose}`);
}

/** The flag that enables a command. */
function flagOf(command: Command, { resolveCommands, udpInTcp }: GatewaySettings): string | undefined {
  if (command === Command.UdpInTcp) return udpInTcp ? undefined : "--udp-in-tcp";
  const resolves = command === Command.Resolve || command === Command.ResolvePtr;
  return resolves && !resolveCommands ? "--resolve-commands" : undefined;
}

/** Its name in rules. */
function ruledAs(command: Command): Command {
  return command === Command.UdpInTcp ? Command.UdpAssociate : command;
}

function isForeseen(error: unknown): error is Error {
  return error instanceof NetError || error instanceof ReplyError || error instanceof Refusal ||
    error instanceof ProtocolError;
}

function endOf(error: unknown): SessionEnd {
  if (error instanceof ProtocolError) return "protocol-error";
  return isForeseen(error) ? "refused" : "fault";
}
