/** Figures for people. Each function is self-contained: the page's script has them too. */

export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 999.5 && unit < units.length - 1; unit++) bytes /= 1_000;
  return `${unit === 0 || bytes >= 99.95 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

export function ageText(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor(seconds % 3_600 / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor(seconds % 86_400 / 3_600)} h`;
}

/** `3 sessions`, `12,000 sessions`. */
export function countText(count: number, noun: string): string {
  return `${String(count).replace(/\B(?=(\d{3})+$)/g, ",")}${noun && ` ${noun}${count === 1 ? "" : "s"}`}`;
}

/** Two figures by direction; a line breaks only between them. */
export function bothText(up: number, down: number, text: (figure: number) => string): string {
  return [`↑ ${text(up)}`, `↓ ${text(down)}`].map((word) => word.replaceAll(" ", "\u00a0")).join(" ");
}

/** `0.4 ms`, `23 ms`, `1.2 s`. */
export function waitText(ms: number): string {
  if (ms >= 999.5) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms >= 9.95 || ms === 0 ? Math.round(ms) : ms.toFixed(1)} ms`;
}

export const words = { bytesText, ageText, countText, bothText, waitText };

export type Words = typeof words;
