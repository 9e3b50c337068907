import { type Address, ipAddress } from "../../protocol/address.ts";
import { decodeDatagram, encodeHeader } from "../../protocol/datagram.ts";
import type { DropReason } from "../../events.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { Conversation } from "../commands/conversation.ts";
import type { OnwardAssociation } from "../../sockslib/chain/onward_association.ts";
import { type DialAddress, dialled, judgedSoon } from "../dial/plan.ts";
import { ANSWERED_MS, FamilyTrial, type Way } from "./family_trial.ts";
import type { DestinationAudit } from "./destination_audit.ts";
import { type Headed, HeaderTable, sameBytes } from "./header_table.ts";
import type { Links } from "./upstream_links.ts";
import { Onward } from "../rules/onward.ts";
import { Refusal } from "../rules/refusal.ts";
import type { Verdict } from "../rules/rule.ts";
import { refusal } from "../rules/ruleset.ts";
import type { Sources } from "./udp_sources.ts";
import { UsageList, type Used } from "./usage_list.ts";

/** Lifetime of a decision and of a name's address, however busy the destination is. */
const REJUDGE_MS = 600_000;

/** Maximum names that one association resolves at a time. */
const MAX_LOOKUPS = 64;

/** Time until a failed name is resolved again. */
const RETRY_MS = 5_000;

/** Maximum payload that waits for names: per name, and per association. */
const MAX_WAITING_SIZE = 128 << 10, MAX_ALL_WAITING_SIZE = 2 << 20;

/** The destination of datagrams with one header. */
export interface Destination extends Used<Destination>, Headed<Destination> {
  readonly since: number;
  /** The judged address; undefined while its name is being resolved, or if there is none. */
  addr: SocketAddr | undefined;
  /** The upstream to use instead, and the header with the destination for it. */
  link: OnwardAssociation | undefined;
  onwardHeader: Uint8Array;
  /** For a name: the trial of which family answers. */
  trial: FamilyTrial | undefined;
  /** Why nothing is sent to it. */
  drop: DropReason | undefined;
  /** The rule that refuses it. */
  refusedBy: string | undefined;
  /** The sender of answers towards the client: the requested address, even if another was used. */
  known: DialAddress | undefined;
  waiting: Uint8Array[];
  waitingSize: number;
}

/** The destinations of an association, by the header of their datagrams. */
export class Destinations {
  readonly #conversation: Conversation;
  readonly #links: Links;
  readonly #sources: Sources;
  readonly #audit: DestinationAudit | undefined;
  readonly #resolved: (destination: Destination) => void;
  readonly #byHeader = new HeaderTable<Destination>();
  readonly #byUse = new UsageList<Destination>();
  #last: Destination | undefined;
  #waitingSize = 0;
  #looking = 0;

  /** `resolved` is called when a destination with waiting datagrams has its address, or failed. */
  constructor(
    conversation: Conversation,
    links: Links,
    sources: Sources,
    audit: DestinationAudit | undefined,
    resolved: (destination: Destination) => void,
  ) {
    this.#conversation = conversation;
    this.#links = links;
    this.#sources = sources;
    this.#audit = audit;
    this.#resolved = resolved;
  }

  /** The destination that `header` names. Throws ProtocolError. */
  find(header: Uint8Array, now: number): Destination {
    const last = this.#last;
    if (last && sameBytes(last.header, header) && isFresh(last, now)) {
      last.usedAt = now;
      return last;
    }
    const known = this.#byHeader.find(header);
    if (known && isFresh(known, now)) {
      this.#byUse.use(known, now);
      return this.#last = known;
    }
    if (known) this.#remove(known);
    const destination = this.#last = this.#add(header.slice(), now, known);
    if (known) this.#audit?.renewed(known, destination);
    return destination;
  }

  /** Lets an undecided `trial` choose the address of the next datagram. */
  aim(destination: Destination, trial: FamilyTrial, now: number): void {
    const { known, addr } = trial.next(now, this.#sources.answeredAt);
    destination.known = known;
    destination.addr = addr;
  }

  /** Keeps `payload` until the name is resolved; false if too much waits already. */
  wait(destination: Destination, payload: Uint8Array): boolean {
    const size = Math.max(payload.length, 256); // an empty datagram costs memory too
    if (destination.waitingSize + size > MAX_WAITING_SIZE) return false;
    if (this.#waitingSize + size > MAX_ALL_WAITING_SIZE) return false;
    destination.waiting.push(payload.slice());
    destination.waitingSize += size;
    this.#waitingSize += size;
    return true;
  }

  /** The waiting datagrams, in order. */
  takeWaiting(destination: Destination): readonly Uint8Array[] {
    this.#waitingSize -= destination.waitingSize;
    destination.waitingSize = 0;
    return destination.waiting.splice(0);
  }

  /** Removes destinations not used since `before`. */
  forget(before: number): void {
    for (let old = this.#byUse.oldest; old && old.usedAt < before; old = this.#byUse.oldest) this.#forget(old);
  }

  /** Remembers the paths: the last answers came after the last datagrams. */
  close(): void {
    for (let one = this.#byUse.oldest; one; one = one.newer) {
      if (one.trial?.over === false) one.trial.conclude(this.#sources.answeredAt);
    }
  }

  /** `former` is the destination before it had to be judged again. */
  #add(header: Uint8Array, now: number, former?: Destination): Destination {
    const { address } = decodeDatagram(header);
    const destination: Destination = {
      header,
      alike: undefined,
      since: now,
      usedAt: now,
      newer: undefined,
      older: undefined,
      addr: undefined,
      link: undefined,
      onwardHeader: header,
      trial: undefined,
      drop: undefined,
      refusedBy: undefined,
      known: undefined,
      waiting: [],
      waitingSize: 0,
    };
    const literal = ipAddress(address.host, address.port);
    if (!literal) this.#find(destination, () => this.#resolve(destination, address, former));
    else {
      const verdict = this.#conversation.judge.address(literal);
      if (!verdict.allowed) verdict.hit?.();
      const refusedBy = literal.port === 0 ? "port 0" : verdict.allowed ? this.#refusalOf(verdict) : verdict.rule;
      if (refusedBy !== undefined) refuse(destination, refusedBy);
      else if (verdict.via) this.#find(destination, () => this.#goOn(destination, new Onward(verdict, literal)));
      else if (this.#conversation.nat64?.mayTranslate) {
        this.#find(destination, () => this.#resolve(destination, literal));
      } else {
        destination.addr = literal;
        destination.known = dialled({ address: literal, verdict });
      }
    }
    this.#byHeader.add(destination);
    this.#byUse.add(destination, now);
    if (this.#byUse.size > this.#conversation.settings.maxUdpDestinations) this.#forget(this.#byUse.oldest!);
    return destination;
  }

  /** Why its limits refuse a further session; undefined if they do not. */
  #refusalOf(verdict: Verdict): string | undefined {
    try {
      this.#conversation.judge.admit(verdict);
      return undefined;
    } catch (error) {
      if (error instanceof Refusal) return error.rule;
      throw error;
    }
  }

  /** Resolves and judges the destination by `look`; datagrams wait until then. */
  async #find(destination: Destination, look: () => Promise<void>): Promise<void> {
    if (this.#looking >= MAX_LOOKUPS) {
      destination.drop = "unresolved";
      return;
    }
    this.#looking++;
    try {
      await look();
    } catch (error) {
      if (error instanceof Refusal) refuse(destination, error.rule);
      else destination.drop = "unresolved";
    } finally {
      this.#looking--;
    }
    this.#resolved(destination);
  }

  async #goOn(destination: Destination, onward: Onward): Promise<void> {
    if (onward.destination.port === 0) throw refusal({ allowed: false, rule: "port 0" });
    destination.link = await this.#links.get(onward);
    destination.onwardHeader = encodeHeader(onward.destination);
  }

  async #resolve(destination: Destination, asked: Address, former?: Destination): Promise<void> {
    const judged = await judgedSoon(this.#conversation, asked, this.#conversation.cut);
    if (judged instanceof Onward) return await this.#goOn(destination, judged);
    if (asked.port === 0) throw refusal({ allowed: false, rule: "port 0" });
    const ways = await this.#ways(judged.addresses);
    const late = judged.more?.then((addresses) => this.#ways(addresses));
    if (ways.length === 0 && late) ways.push(...await late);
    if (ways.length === 0) destination.drop = "unresolved";
    else this.#choose(destination, ways, former, late);
  }

  /** Those of `addresses` that are reachable, with those that failed lately at the end. */
  async #ways(addresses: readonly DialAddress[]): Promise<Way[]> {
    const { net, nat64, paths, exits } = this.#conversation;
    const ways = new Map<Address, Way>();
    for (const known of addresses) {
      const addr = nat64 ? await nat64.way(known) : known;
      const exit = exits?.towards(addr.host, known.wayOut);
      const ownRoute = (exit?.device ?? exit?.mark) !== undefined; // by routing tables other than ours
      if (ownRoute || await net.localAddrFor(addr.host) !== undefined) ways.set(addr, { known, addr });
    }
    return paths.order([...ways.keys()]).map((addr) => ways.get(addr)!);
  }

  /** Uses the address that has answered before, if the name still has it; else starts a trial of the families. */
  #choose(
    destination: Destination,
    ways: readonly Way[],
    former: Destination | undefined,
    late: Promise<readonly Way[]> | undefined,
  ): void {
    const { clock, paths } = this.#conversation;
    const now = clock.now();
    const served = former?.addr && this.#sources.answeredAt(former.addr) >= now - ANSWERED_MS
      ? former.addr.host
      : undefined;
    const same = ways.find(({ addr }) => addr.host === served);
    const first = same ?? ways[0]!;
    destination.known = first.known;
    destination.addr = first.addr;
    if (same) return;
    const isOther = ({ addr }: Way) => addr.type !== first.addr.type;
    const second = ways.find(isOther);
    if (!second && !late) return;
    const trial = destination.trial = new FamilyTrial(first, second, paths, now);
    void late?.then((ways) => trial.second ??= ways.find(isOther));
  }

  #forget(destination: Destination): void {
    this.#remove(destination);
    this.#audit?.forgotten(destination);
  }

  #remove(destination: Destination): void {
    this.#byUse.remove(destination);
    this.#byHeader.remove(destination);
    if (destination === this.#last) this.#last = undefined;
  }
}

function refuse(destination: Destination, by: string): void {
  destination.drop = "refused";
  destination.refusedBy = by;
}

function isFresh({ since, drop, link }: Destination, now: number): boolean {
  return !link?.closed && now - since < (drop === "unresolved" ? RETRY_MS : REJUDGE_MS);
}
