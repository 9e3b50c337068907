import { html } from "hono/html";
import type { RelayView, Status } from "../status.ts";
import { bandWidth, relayTypes } from "./figures.ts";

type Html = ReturnType<typeof html>;

/** Where the band of each relay type leaves clients and reaches destinations, from above. */
const bands = { A: [46, 46], B: [86, 174], C: [174, 86], D: [214, 214] } as const;

/** Clients at the left, destinations at the right, and between them a band for each relay type: as wide as it has traffic. */
export function flow({ relays }: Status): Html | Promise<Html> {
  const moved = ({ up, down }: RelayView) => up + down;
  const most = Math.max(1, ...Object.values(relays).map(moved));
  const drawn = relayTypes.map((type) => {
    const [from, to] = bands[type];
    const path = `M112 ${from}H250C310 ${from} 330 ${to} 390 ${to}H528`;
    return html`
      <g class="band ${type}" data-band="${type}">
        <path class="body" d="${path}" stroke-width="${bandWidth(moved(relays[type]), most).toFixed(1)}" />
        <path class="drift" d="${path}" />
        <circle cx="142" cy="${from}" r="11" />
        <text class="letter" x="142" y="${from + 4.5}">${type}</text>
        <text class="rate" x="162" y="${from + 4.5}" data-is="${type}-rate"></text>
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
  return html`
    <svg class="flow" viewBox="0 0 640 260" role="img"
      aria-label="Traffic by relay type, from clients through the gateway to destinations">
    ${side(8, "clients")}${side(528, "destinations")}
    <rect class="gateway" x="262" y="6" width="116" height="248" rx="14"/>
    ${drawn}
    <text class="name" x="320" y="249">gate46</text>
    </svg>
  `;
}

/** Where the script draws the last minutes. */
export function sparkline(name: string): Html | Promise<Html> {
  return html`
    <svg class="spark" viewBox="0 0 120 32" preserveAspectRatio="none" aria-hidden="true" data-spark="${name}">
      <path class="area" />
      <path class="line" />
    </svg>
  `;
}
