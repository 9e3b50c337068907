import type { RelayType } from "../../events.ts";
import type { Command } from "../../protocol/codes.ts";
import type { Prefix } from "../../protocol/ip/prefix.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { Budget, PortRange } from "../settings.ts";
import type { WayOut } from "../way_out.ts";
import type { NamePattern } from "./name_pattern.ts";

/** Families of address family to use, or to try first. */
export const familyChoices = ["prefer-ipv4", "prefer-ipv6", "only-ipv4", "only-ipv6"] as const;
/** Which family of addresses is dialled, or dialled first. */
export type FamilyChoice = (typeof familyChoices)[number];

/** One line of the ruleset. It matches if each of its matchers does, and a matcher matches if any of its values does. */
export interface Rule {
  /** Its name in the log, for example `rules[2] 'no ads'`. */
  readonly name: string;
  /** What becomes of a request that it fits. */
  readonly action: "allow" | "deny";
  /** Clients. */
  readonly from?: readonly Prefix[];
  /** Listeners, by their addresses. */
  readonly listeners?: readonly string[];
  /** Authenticated names. */
  readonly users?: readonly string[];
  /** What clients ask for. */
  readonly commands?: readonly Command[];
  /** Destinations; an allow rule with these also opens addresses that are closed by default. */
  readonly to?: readonly Prefix[];
  /** Requested names; an address literal matches none. */
  readonly names?: readonly NamePattern[];
  /** Files with more of `to`, and of `names`. */
  readonly toFiles?: readonly string[];
  /** One name in a line. */
  readonly namesFiles?: readonly string[];
  /** Ports of destinations. */
  readonly ports?: readonly PortRange[];
  /** By the families of client and destination. */
  readonly relay?: readonly RelayType[];
  /** Which family of address family to use, or to try first. */
  readonly family?: FamilyChoice;
  /** Upstream gateways to go through, as URLs. */
  readonly via?: readonly string[];
  /** Limits shared by all sessions that it allows. */
  readonly budget?: Budget;
  /** The source of its connections. */
  readonly wayOut?: WayOut;
}

/** The client, and its request. */
export interface Asker {
  readonly client: SocketAddr;
  readonly username?: string | undefined;
  readonly command: Command;
  /** The address of the client's listener. */
  readonly listener?: string | undefined;
  /** True if only rules with `names` may allow it. */
  readonly byName?: true | undefined;
}

/** The ruleset's verdict on one destination. */
export interface Verdict {
  readonly allowed: boolean;
  /** The deciding rule, for the log and for operators; never for the client. */
  readonly rule: string;
  readonly family?: FamilyChoice | undefined;
  readonly via?: readonly string[] | undefined;
  readonly budget?: Budget;
  readonly wayOut?: WayOut | undefined;
  /** Has that rule count that it decided. */
  readonly hit?: () => void;
}
