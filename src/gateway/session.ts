import type { Address } from "../protocol/address.ts";
import { Command, commandName, Reply } from "../protocol/codes.ts";
import { ProtocolError } from "../protocol/protocol_error.ts";
import type { Credentials } from "../protocol/negotiation.ts";
import { decodeRequest, encodeReply, type Request } from "../protocol/request.ts";
import { decodeSocks4Request, encodeSocks4Reply, SOCKS4_VERSION } from "../protocol/socks4.ts";
import type { Emit, SessionEnd, SessionRecord } from "../events.ts";
import type { Clock } from "../net/clock.ts";
import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { AcceptedSocket } from "../net/socket.ts";
import type { Tls } from "../net/tls/tls.ts";
import { HeadedSocket } from "../sockslib/chain/headed_socket.ts";
import { ReplyError } from "../sockslib/chain/reply_error.ts";
import { household } from "../protocol/ip/household.ts";
import type { Arrival } from "./entrance/arrival.ts";
import { associate } from "./udp/associate.ts";
import { associateInTcp } from "./udp/associate_in_tcp.ts";
import { bind } from "./commands/bind.ts";
import { connect } from "./commands/connect.ts";
import type { Conversation, Serve } from "./commands/conversation.ts";
import type { Dialler } from "./dial/dial.ts";
import type { Exits } from "./dial/exits.ts";
import type { Limits } from "./limits/limits.ts";
import { type Authenticator, negotiate, offeredMethods } from "./entrance/methods.ts";
import { Refusal } from "./rules/refusal.ts";
import { replyFor } from "./reply.ts";
import { resolve, resolvePtr } from "./commands/resolve.ts";
import { refusal, type Ruleset } from "./rules/ruleset.ts";
import type { GatewaySettings } from "./settings.ts";
import type { Upstreams } from "./upstreams/upstreams.ts";
import type { WayOut } from "./way_out.ts";
import { ClientLeft, Wire } from "./entrance/wire.ts";

const commands: Readonly<Record<Command, Serve>> = {
  [Command.Connect]: connect,
  [Command.Bind]: bind,
  [Command.UdpAssociate]: associate,
  [Command.UdpInTcp]: associateInTcp,
  [Command.Resolve]: resolve,
  [Command.ResolvePtr]: resolvePtr,
};

/** After a failure the client has so long to close first; RFC 1928 s6 allows 10 s at most. */
const FAREWELL_MS = 2_000;

/** What all sessions of a gateway share. */
export interface SessionContext extends Omit<Dialler, "judge" | "asker" | "exits"> {
  readonly waysOut: Exits;
  readonly ruleset: Ruleset;
  readonly settings: GatewaySettings;
  /** What rules with `via` go through. */
  readonly upstreams?: Upstreams;
  readonly authenticator: Authenticator | undefined;
  readonly limits: Limits;
  /** Whose certificate clients of TLS are shown. */
  readonly tls?: Tls | undefined;
  readonly emit: Emit;
}

/** One client connection: TLS where it is spoken, greeting, method, request, command, reply (RFC 1928 s3, s4, s6). */
export class Session {
  readonly record: SessionRecord;
  readonly #context: SessionContext;
  readonly #tls: boolean;
  readonly #wayOut: WayOut | undefined;
  #client: AcceptedSocket;
  #wire: Wire;
  readonly #cut = new Cut();
  #encodeReply = encodeReply;

  constructor(context: SessionContext, { socket, client, tls, wayOut, early }: Arrival, id: number) {
    this.#context = context;
    this.#tls = tls;
    this.#wayOut = wayOut;
    this.#client = socket;
    this.#wire = new Wire(socket, early);
    this.record = {
      id,
      client,
      startedAt: context.clock.now(),
      counts: { up: 0, down: 0 },
      datagrams: { up: 0, down: 0 },
      dropped: {},
    };
  }

  /** Whether the client has said what it wants. */
  get requested(): boolean {
    return this.record.command !== undefined;
  }

  /** Serves the client to the end. Never rejects. */
  async run(): Promise<void> {
    const { clock, emit } = this.#context;
    emit({ type: "session-opened", session: this.record });
    try {
      this.#end(await this.#converse());
    } catch (error) {
      await this.#fail(error);
    } finally {
      this.#client.close();
    }
    this.record.endedAt = clock.now();
    emit({ type: "session-closed", session: this.record });
  }

  /** Ends it at once, whatever it waits for. */
  cut(end: "drained" | "ended-by-operator" | "handshake-timeout" | "client-left"): void {
    this.#end(end);
    this.#cut.make();
    this.#client.close();
  }

  /** The first cause counts: what follows from it is no other. */
  #end(end: SessionEnd): void {
    this.record.end ??= end;
  }

  async #converse(): Promise<SessionEnd> {
    const { clock, settings } = this.#context;
    const cancel = clock.after(settings.handshakeMs, () => this.cut("handshake-timeout"));
    let request;
    try {
      if (this.#tls) await this.#secure();
      request = await this.#takeRequest();
    } finally {
      cancel();
    }
    if (typeof request === "string") {
      this.#end(request);
      await this.#farewell();
      return request;
    }
    const flag = flagOf(request.command, settings);
    if (flag) {
      throw new ProtocolError(
        `Cannot serve command ${commandName(request.command)}: not without ${flag}`,
        Reply.CommandNotSupported,
      );
    }
    this.record.command = request.command;
    this.record.destination = request.destination;
    const conversation = this.#conversation(request.command);
    const refused = conversation.judge.command();
    if (refused) throw refusal(refused);
    const { username } = this.record;
    if (username === undefined) return await commands[request.command](conversation, request.destination);
    const { limits } = this.#context;
    if (!limits.enterUser(username)) throw new Refusal(Reply.NotAllowed, "too many sessions of this user");
    try {
      return await commands[request.command](conversation, request.destination);
    } finally {
      limits.leaveUser(username);
    }
  }

  /** Rejects with ClientLeft or NetError. */
  async #secure(): Promise<void> {
    const { tls } = this.#context;
    if (!tls) throw new NetError("other", "Cannot speak TLS: no certificate");
    const early = this.#wire.rest();
    const socket = early ? new HeadedSocket(this.#client, early) : this.#client;
    try {
      this.#client = await tls.accept(socket, { client: household(this.record.client.host) });
    } catch (error) {
      if (!(error instanceof NetError && error.kind === "closed")) throw error;
      throw new ClientLeft("The client left before TLS was agreed on", { cause: error });
    }
    if (this.#cut.made) this.#client.close();
    this.#wire = new Wire(this.#client);
  }

  async #takeRequest(): Promise<Request | SessionEnd> {
    if (this.#context.settings.socks4 && await this.#wire.peek() === SOCKS4_VERSION) return await this.#takeSocks4();
    const { authenticator } = this.#context;
    const negotiated = await negotiate(
      this.#wire,
      offeredMethods(authenticator),
      (credentials) => this.#attended(() => this.#isGood(authenticator!, credentials)),
    );
    if (negotiated.username !== undefined) this.record.username = negotiated.username;
    if ("failed" in negotiated) return negotiated.failed;
    this.record.method = negotiated.method;
    return await this.#wire.take(decodeRequest);
  }

  /** Resolves when the client may be told. Rejects with NetError. */
  async #isGood(authenticator: Authenticator, credentials: Credentials): Promise<boolean> {
    const { clock, emit } = this.#context;
    const { client } = this.record;
    const { good, waitMs = 0, tooMany } = await authenticator.verify(credentials, client.host, this.#cut);
    if (tooMany) {
      this.record.detail = "too many wrong passwords from there";
      emit({ type: "client-turned-away", client, reason: "too-many-failures" });
    }
    if (waitMs > 0) await rest(clock, waitMs, this.#cut);
    return good;
  }

  /** As a Conversation has it. */
  async #attended<T>(wait: () => Promise<T>, staysOpen = false): Promise<T> {
    const stop = this.#client.onLeft((how) => {
      const mayWait = how === "half-close" || (how === "end" && this.#wire.hasMore);
      if (mayWait && !staysOpen) return;
      // Closed with something unread, the connection would be reset.
      if (how === "half-close") this.#client.read().catch(() => {});
      this.cut("client-left");
    });
    try {
      return await wait();
    } finally {
      stop();
    }
  }

  /** SOCKS4 has no passwords, so it is not for where there are users. */
  async #takeSocks4(): Promise<Request> {
    this.#encodeReply = encodeSocks4Reply;
    const request = await this.#wire.take(decodeSocks4Request);
    this.record.userId = request.userId;
    if (this.#context.authenticator) throw new Refusal(Reply.NotAllowed, "SOCKS4 where passwords are asked for");
    return request;
  }

  #conversation(command: Command): Conversation {
    const { client, username } = this.record;
    return {
      ...this.#context,
      judge: this.#context.ruleset.judgeFor({ client, username, command: ruledAs(command) }),
      asker: { client: household(client.host), user: username },
      exits: this.#context.waysOut.of(this.record, this.#wayOut),
      record: this.record,
      client: this.#client,
      wire: this.#wire,
      cut: this.#cut,
      bandwidth: this.#context.limits.bandwidth(username),
      attended: (wait, staysOpen) => this.#attended(wait, staysOpen),
      succeed: (bound) => this.#reply(Reply.Succeeded, bound),
    };
  }

  #reply(reply: number, bound?: Address): Promise<void> {
    this.record.reply = reply;
    return this.#wire.send(this.#encodeReply(reply, bound));
  }

  async #fail(error: unknown): Promise<void> {
    if (error instanceof ClientLeft) return this.#end("client-left");
    const foreseen = isForeseen(error);
    if (foreseen && this.#cut.made) return; // which has been told
    if (!foreseen) this.#context.emit({ type: "fault", error });
    this.record.detail = error instanceof Refusal ? error.rule : foreseen ? error.message : "fault";
    // Once a relay has begun, as before the request has come, a broken connection is nobody's refusal.
    if (error instanceof NetError && (this.record.remote || !this.requested)) {
      return this.#end(error.kind === "reset" ? "reset" : "error");
    }
    this.#end(endOf(error));
    const reply = replyFor(error);
    if (foreseen ? reply === undefined : this.#cut.made) return;
    try {
      await this.#reply(reply ?? Reply.GeneralFailure);
      await this.#farewell();
    } catch {
      // The client is gone: nobody is left to tell.
    }
  }

  /** Lets the client read the last answer before the connection goes: closing at once would reset what it has not read. */
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

/** The flag that a command is not served without. */
function flagOf(command: Command, { resolveCommands, udpInTcp }: GatewaySettings): string | undefined {
  if (command === Command.UdpInTcp) return udpInTcp ? undefined : "--udp-in-tcp";
  const resolves = command === Command.Resolve || command === Command.ResolvePtr;
  return resolves && !resolveCommands ? "--resolve-commands" : undefined;
}

/** What rules call it. */
function ruledAs(command: Command): Command {
  return command === Command.UdpInTcp ? Command.UdpAssociate : command;
}

function rest(clock: Clock, ms: number, cut: Cut): Promise<void> {
  return new Promise((resolve) => {
    let release = () => {};
    const over = () => {
      cancel();
      release();
      resolve();
    };
    const cancel = clock.after(ms, over);
    release = cut.on(over);
  });
}

function isForeseen(error: unknown): error is Error {
  return error instanceof NetError || error instanceof ReplyError || error instanceof Refusal ||
    error instanceof ProtocolError;
}

function endOf(error: unknown): SessionEnd {
  if (error instanceof ProtocolError) return "protocol-error";
  return isForeseen(error) ? "refused" : "fault";
}
