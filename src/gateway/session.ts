import type { Address } from "../protocol/address.ts";
import { Command, Reply } from "../protocol/codes.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { decodeRequest, encodeReply, type Request } from "../protocol/request.ts";
import type { Emit, SessionEnd, SessionRecord } from "../events.ts";
import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Socket } from "../net/socket.ts";
import { ReplyError } from "../sockslib/reply_error.ts";
import { associate } from "./associate.ts";
import { bind } from "./bind.ts";
import { connect } from "./connect.ts";
import type { Conversation, Serve } from "./conversation.ts";
import type { Dialler } from "./dial.ts";
import { type Authenticator, negotiate } from "./methods.ts";
import { Refusal } from "./refusal.ts";
import { replyFor } from "./reply.ts";
import { refusal, type Ruleset } from "./ruleset.ts";
import type { GatewaySettings } from "./settings.ts";
import type { Upstreams } from "./upstreams/upstreams.ts";
import { ClientLeft, Wire } from "./wire.ts";

const commands: Readonly<Record<Command, Serve>> = {
  [Command.Connect]: connect,
  [Command.Bind]: bind,
  [Command.UdpAssociate]: associate,
};

/** After a failure the client has so long to close first; RFC 1928 s6 allows 10 s at most. */
const FAREWELL_MS = 2_000;

/** What all sessions of a gateway share. */
export interface SessionContext extends Omit<Dialler, "judge"> {
  readonly ruleset: Ruleset;
  readonly settings: GatewaySettings;
  /** What rules with `via` go through. */
  readonly upstreams?: Upstreams;
  readonly authenticator: Authenticator | undefined;
  readonly emit: Emit;
}

/** One client connection: greeting, method, request, command, reply (RFC 1928 s3, s4, s6). */
export class Session {
  readonly record: SessionRecord;
  readonly #context: SessionContext;
  readonly #client: Socket;
  readonly #wire: Wire;
  readonly #cut = new Cut();
  #timedOut = false;

  constructor(context: SessionContext, client: Socket, id: number) {
    this.#context = context;
    this.#client = client;
    this.#wire = new Wire(client);
    this.record = {
      id,
      client: client.remoteAddr,
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

  /** Ends it from outside, at once. */
  cut(): void {
    this.#end("drained");
    this.#cut.make();
    this.#client.close();
  }

  /** The first cause counts: what follows from it is no other. */
  #end(end: SessionEnd): void {
    this.record.end ??= end;
  }

  async #converse(): Promise<SessionEnd> {
    const { clock, settings } = this.#context;
    const cancel = clock.after(settings.handshakeMs, () => {
      this.#timedOut = true;
      this.#client.close();
    });
    let request;
    try {
      request = await this.#takeRequest();
    } finally {
      cancel();
    }
    if (typeof request === "string") {
      this.#end(request);
      await this.#farewell();
      return request;
    }
    this.record.command = request.command;
    this.record.destination = request.destination;
    const conversation = this.#conversation(request.command);
    const refused = conversation.judge.command();
    if (refused) throw refusal(refused);
    return await commands[request.command](conversation, request.destination);
  }

  async #takeRequest(): Promise<Request | SessionEnd> {
    const isWanted = () => !this.#timedOut && !this.#cut.made;
    const negotiated = await negotiate(this.#wire, this.#context.authenticator, isWanted);
    if (negotiated.username !== undefined) this.record.username = negotiated.username;
    if ("failed" in negotiated) return negotiated.failed;
    this.record.method = negotiated.method;
    return await this.#wire.take(decodeRequest);
  }

  #conversation(command: Command): Conversation {
    const { client, username } = this.record;
    return {
      ...this.#context,
      judge: this.#context.ruleset.judgeFor({ client, username, command }),
      record: this.record,
      client: this.#client,
      wire: this.#wire,
      cut: this.#cut,
      succeed: (bound) => this.#reply(Reply.Succeeded, bound),
    };
  }

  #reply(reply: number, bound?: Address): Promise<void> {
    this.record.reply = reply;
    return this.#wire.send(encodeReply(reply, bound));
  }

  async #fail(error: unknown): Promise<void> {
    if (this.#timedOut) return this.#end("handshake-timeout");
    if (error instanceof ClientLeft) return this.#end("client-left");
    const foreseen = isForeseen(error);
    if (!foreseen) this.#context.emit({ type: "fault", error });
    this.record.detail = error instanceof Refusal ? error.rule : foreseen ? error.message : "fault";
    // Once a relay has begun, as before the request has come, a broken connection is nobody's refusal.
    if (error instanceof NetError && (this.record.remote || !this.requested)) {
      return this.#end(error.kind === "reset" ? "reset" : "error");
    }
    this.#end(endOf(error));
    const reply = replyFor(error);
    if ((foreseen && reply === undefined) || this.#cut.made) return;
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

function isForeseen(error: unknown): error is Error {
  return error instanceof NetError || error instanceof ReplyError || error instanceof Refusal ||
    error instanceof ProtocolError;
}

function endOf(error: unknown): SessionEnd {
  if (error instanceof ProtocolError) return "protocol-error";
  return isForeseen(error) ? "refused" : "fault";
}
