import { errorCode } from "../system_errors.ts";

/** Class in Deno.errors, if there is one, and text. */
const denoErrors: Readonly<Record<string, readonly [name: keyof typeof Deno.errors | undefined, text: string]>> = {
  ECONNREFUSED: ["ConnectionRefused", "Connection refused (os error 111)"],
  ECONNRESET: ["ConnectionReset", "Connection reset by peer (os error 104)"],
  ECONNABORTED: ["ConnectionAborted", "Software caused connection abort (os error 103)"],
  ETIMEDOUT: ["TimedOut", "Connection timed out (os error 110)"],
  EACCES: ["PermissionDenied", "Permission denied (os error 13)"],
  EHOSTUNREACH: [undefined, "No route to host (os error 113)"],
  ENETUNREACH: [undefined, "Network is unreachable (os error 101)"],
};

/** As Deno's own. */
export function denoError(cause: unknown): Error {
  const code = errorCode(cause);
  if (code === "ENOTFOUND") {
    return new Error("failed to lookup address information: Name or service not known", { cause });
  }
  const [name, text] = denoErrors[code] ?? [undefined, code];
  const error = new (name ? Deno.errors[name] : Error)(text, { cause });
  return Object.assign(error, { code });
}
