import type { Method } from "../../protocol/codes.ts";
import { parseIp } from "../../protocol/address.ts";
import { type Access, isByName, isForward, isRouted, isTransparent } from "../settings.ts";
import type { Listened } from "./arrival.ts";
import { type Asking, offeredMethods } from "./methods.ts";

/** Where a client comes from, and to. */
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

/** Whether a client may go without a password, though there are users. */
export function mayGoWithout(all: readonly Access[], coming: Coming): boolean {
  return accessOf(all, coming)?.auth === "none";
}

/** The methods that some client at a listener is offered. */
export function methodsAt(
  all: readonly Access[],
  { listener, only }: Pick<Listened, "listener" | "only">,
  asking: Asking,
): readonly Method[] {
  if (isByName(only) || isForward(only) || isRouted(only) || isTransparent(only)) return []; // which asks nobody who they are
  const there = all.filter(({ listeners }) => !listeners || listeners.includes(listener));
  const last = there.findIndex(({ from }) => !from); // what is behind an entry for all is nobody's
  const met = last < 0 ? there : there.slice(0, last + 1);
  return offeredMethods(asking, met.some(({ auth }) => auth === "none"));
}
