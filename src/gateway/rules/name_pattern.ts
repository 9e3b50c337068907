import { foldName } from "../../protocol/address.ts";

/** A pattern of names: one name, all names below it, or both. */
export interface NamePattern {
  /** The canonical spelling: `example.org`, `*.example.org`, `.example.org` for both, or `*` for every name. */
  readonly text: string;
  /** Folded, without the leading dot or star; empty for `*`. */
  readonly name: string;
  /** True if it fits that name. */
  readonly itself: boolean;
  /** True if it fits names below that. */
  readonly below: boolean;
}

/** Undefined if `text` is not a pattern. Letters beyond ASCII become A-labels (RFC 5890 s2.3.2.1). */
export function parseNamePattern(text: string): NamePattern | undefined {
  if (text === "*") return { text, name: "", itself: false, below: true };
  const front = text.startsWith("*.") ? "*." : text.startsWith(".") ? "." : "";
  const name = asciiName(text.slice(front.length));
  if (name === undefined) return undefined;
  return { text: front + name, name, itself: front !== "*.", below: front !== "" };
}

function asciiName(text: string): string | undefined {
  const name = /^[\x21-\x7e]*$/.test(text) ? foldName(text) : foldName(aLabels(text));
  return name.length <= 253 && LABELS.test(name) && !NUMBER_LAST.test(name) ? name : undefined;
}

const LABELS = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/** A name with this ending is an IPv4 address, or invalid: other programs read it as a number. */
const NUMBER_LAST = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

/** The runtime's URL parser implements UTS #46. Empty if the text is not a name. */
function aLabels(text: string): string {
  return /[\s/?#@:[\]\\%]/.test(text) ? "" : URL.parse(`http://${text}/`)?.hostname ?? "";
}
