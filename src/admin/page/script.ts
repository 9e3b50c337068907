import { live } from "./browser/live.ts";
import { tools } from "./browser/tools.ts";

/** The page's script: functions of this program, as source text or as compiled. */
export const script = `"use strict";(${live})(${textOf(tools)});`;

function textOf(value: unknown): string {
  if (typeof value === "function") return String(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, part]) => `${name}:${textOf(part)}`).join()}}`;
}

/** The hash by which a Content-Security-Policy allows a script. */
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}
