import { html } from "hono/html";
import { bandWidth, relayTypes } from "./figures.ts";
import type { Words } from "./words.ts";

type Html = ReturnType<typeof html>;

/** The vertical positions of each relay type's band at the clients and at the destinations. */
const bands = { A: [46, 46], B: [86, 174], C: [174, 86], D: [214, 214] } as const;

/** The rates of the scale's bands, as parts of the maximum. */
export const scaleParts = [1, 1 / 4, 1 / 25] as const;

/** Octets per second by relay type, and the maximum of all types, which has the widest band. */
export interface Flowing {
  readonly rates: Readonly<Record<string, number>>;
  readonly most: number;
}

/** The texts of the picture. Self-contained: the page's script has it too. */
export function flowTexts(
  { rates, most }: Flowing,
  parts: readonly number[],
  { bytesText }: Words,
): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(
      Object.entries(rates).map(([type, rate]) => {
        return [`${type}-rate`, rate >= 1 ? `${bytesText(rate)}/s` : ""];
      }),
    ),
    ...Object.fromEntries(parts.map((part, at) => [`scale-${at}`, `${bytesText(part * most)}/s`])),
  };
}

/** Clients at the left, destinations at the right, and between them a band for each relay type, as wide as its traffic. */
export function flow({ rates, most }: Flowing, is: Readonly<Record<string, string>>): Html | Promise<Html> {
  const drawn = relayTypes.map((type) => {
    const [from, to] = bands[type];
    const path = `M112 ${from}H250C310 ${from} 330 ${to} 390 ${to}H528`;
    return html`
      <g class="band ${type}" data-band="${type}">
        <path class="body" d="${path}" stroke-width="${bandWidth(rates[type]!, most).toFixed(1)}" />
        <path class="drift" d="${path}" />
        <circle cx="142" cy="${from}" r="11" />
        <text class="letter" x="142" y="${from + 4.5}">${type}</text>
        <text class="rate" x="162" y="${from + 4.5}" data-is="${type}-rate">${is[`${type}-rate`]}</text>
      </g>
    `;
  });
  const side = (x: number, what: string) =>
    [4, 6].map((family, place) =>
      html`
        <rect x="${x}" y="${16 + place * 128}" width="104" height="100" rx="10" />
        <text class="family" x="${x + 52}" y="${61 + place * 128}">IPv${family}</text>
        <text class="side" x="${x + 52}" y="${82 + place * 128}">${what}</text>
      `
    );
  const scale = scaleParts.map((part, at) =>
    html`
      <path class="mark" d="M${150 + 150 * at} 278h36" stroke-width="${bandWidth(part, 1).toFixed(1)}" />
      <text class="unit" x="${194 + 150 * at}" y="282.5" data-is="scale-${at}">${is[`scale-${at}`]}</text>
    `
  );
  return html`
    <svg class="flow" viewBox="0 0 640 300" role="img"
      aria-label="Traffic by relay type, from clients through the gateway to destinations">
    ${side(8, "clients")}${side(528, "destinations")}
    <rect class="gateway" x="262" y="6" width="116" height="248" rx="14"/>
    ${drawn}
    <text class="name" x="320" y="249">gate46</text>
    <text class="unit" x="8" y="282.5">As wide as</text>
    ${scale}
    </svg>
  `;
}
