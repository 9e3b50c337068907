import type { RelayType } from "../../events.ts";
import type { Command } from "../../protocol/codes.ts";
import type { Prefix } from "../../protocol/ip/prefix.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { Budget, PortRange } from "../settings.ts";
import type { WayOut } from "../way_out.ts";
import type { NamePattern } from "./name_pattern.ts";

/** Families of addresses to dial, or to dial first. */
export const familyChoices = ["prefer-ipv4", "prefer-ipv6", "only-ipv4", "only-ipv6"] as const;
/** Which family of addresses is dialled, or dialled first. */
export type FamilyChoice = (typeof familyChoices)[number];

/** One line of the ruleset. It fits where each matcher it has fits, and a matcher where any of its values does. */
export interface Rule {
  /** What the log calls it, as `rules[2] 'no ads'`. */
  readonly name: string;
  /** What becomes of a request that it fits. */
  readonly action: "allow" | "deny";
  /** Clients. */
  readonly from?: readonly Prefix[];
  /** Where clients come to, by the addresses of listeners. */
  readonly listeners?: readonly string[];
  /** Authenticated names. */
  readonly users?: readonly string[];
  /** What clients ask for. */
  readonly commands?: readonly Command[];
  /** Destinations; also what opens one that is closed by default. */
  readonly to?: readonly Prefix[];
  /** Names that a client asked for; an address literal fits none. */
  readonly names?: readonly NamePattern[];
  /** Files with more of `to`, and of `names`. */
  readonly toFiles?: readonly string[];
  /** One name in a line. */
  readonly namesFiles?: readonly string[];
  /** Ports of destinations. */
  readonly ports?: readonly PortRange[];
  /** By the families of client and destination. */
  readonly relay?: readonly RelayType[];
  /** Which family of addresses to dial, or to dial first. */
  readonly family?: FamilyChoice;
  /** Upstream gateways to go through, as URLs. */
  readonly via?: readonly string[];
  /** What all sessions that it lets through have together. */
  readonly budget?: Budget;
  /** By what to leave. */
  readonly wayOut?: WayOut;
}

/** Who asks, and for what. */
export interface Asker {
  readonly client: SocketAddr;
  readonly username?: string | undefined;
  readonly command: Command;
  /** The address of the listener that the client came to. */
  readonly listener?: string | undefined;
  /** Only rules with `names` let it pass. */
  readonly byName?: true | undefined;
}

/** What the ruleset says of one destination. */
export interface Verdict {
  readonly allowed: boolean;
  /** The rule that says so, for the log and for people; never for the client. */
  readonly rule: string;
  readonly family?: FamilyChoice | undefined;
  readonly via?: readonly string[] | undefined;
  readonly budget?: Budget;
  readonly wayOut?: WayOut | undefined;
  /** Has that rule count that it decided. */
  readonly hit?: () => void;
}
