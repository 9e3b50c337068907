import type { Method } from "../../protocol/codes.ts";
import { parseIp } from "../../protocol/address.ts";
import { type Access, isByName, isForward, isRouted, isTransparent } from "../settings.ts";
import type { Listened } from "./arrival.ts";
import { type Asking, offeredMethods } from "./methods.ts";

/** A client's address, and its listener. */
export interface Coming {
  /** Its address. */
  readonly client: string;
  readonly listener: string | undefined;
}

export function accessOf(all: readonly Access[], { client, listener }: Coming): Access | undefined {
  if (all.length === 0) return undefined;
  const octets = parseIp(client);
  return all.find(({ from, listeners }) =>
    (!listeners || (listener !== undefined && listeners.includes(listener))) &&
    (!from || (octets !== undefined && from.some((prefix) => prefix.contains(octets))))
  );
}

/** True if a client needs no password although there are users. */
export function mayGoWithout(all: readonly Access[], coming: Coming): boolean {
  return accessOf(all, coming)?.auth === "none";
}

/** The methods offered to at least one client of a listener. */
export function methodsAt(
  all: readonly Access[],
  { listener, only }: Pick<Listened, "listener" | "only">,
  asking: Asking,
): readonly Method[] {
  if (isByName(only) || isForward(only) || isRouted(only) || isTransparent(only)) return []; // which requires no authentication
  const there = all.filter(({ listeners }) => !listeners || listeners.includes(listener));
  const last = there.findIndex(({ from }) => !from); // entries behind one that matches every client never match
  const met = last < 0 ? there : there.slice(0, last + 1);
  return offeredMethods(asking, met.some(({ auth }) => auth === "none"));
}
