import { stringify } from "smol-toml";
import type { Effective } from "./config.ts";
import type { FileContent } from "./file/config_file.ts";
import { withPasswordPath } from "./values/hop_password.ts";
import { fileKey, type OptionKey, optionKeys, optionOf } from "./options.ts";
import { quotaTexts } from "./values/quota_value.ts";
import { wayOutTexts } from "./values/way_out_value.ts";
import type { ConfiguredUser } from "./values/user.ts";
import { withoutPassword } from "./values/values.ts";

/**
 * The effective configuration as TOML, each option with its source, without secrets: if all secrets are in files of their own,
 * it is equivalent, in any folder. `resolve` makes a path absolute.
 */
export function printConfig(
  effective: Effective,
  users: readonly ConfiguredUser[],
  resolve: (path: string) => string,
  file?: FileContent,
): string {
  const lines: string[] = [];
  for (const key of optionKeys) {
    const given = effective[key];
    const { notInFile, secret } = optionOf(key);
    if (!given || notInFile) continue;
    const name = fileKey(key);
    lines.push(
      secret ? `# ${name} is hidden # ${given.from}` : `${name} = ${value(key, given.texts, resolve)} # ${given.from}`,
    );
  }
  for (const { name, password, passwordFile, budget, quota, wayOut } of users) {
    lines.push("", "[[users]]", `name = ${quoted(name)}`);
    if (passwordFile !== undefined) lines.push(`password_file = ${quoted(resolve(passwordFile))}`);
    if (password !== undefined) lines.push("# password is hidden");
    if (budget) lines.push(...Object.entries(budget).map(([key, value]) => `${fileKey(key)} = ${value}`));
    if (quota) lines.push(...quotaTexts(quota));
    if (wayOut) lines.push(stringify(wayOutTexts(wayOut)).trimEnd());
  }
  for (const one of file?.plainAccess ?? []) lines.push("", "[[access]]", stringify(one).trimEnd());
  for (const one of file?.plainForwards ?? []) lines.push("", "[[forwards]]", stringify(hidden(one)).trimEnd());
  for (const one of file?.plainUpstreams ?? []) lines.push("", "[[upstreams]]", stringify(hidden(one)).trimEnd());
  for (const rule of file?.plainRules ?? []) lines.push("", "[[rules]]", stringify(hidden(rule)).trimEnd());
  return `${lines.join("\n")}\n`;
}

function value(key: OptionKey, texts: readonly string[], resolve: (path: string) => string): string {
  const { many, accepts, path } = optionOf(key);
  const one = (text: string) => {
    if (accepts.includes("boolean")) return String(text === "true" || text === "1");
    if (!accepts.includes("string")) return text;
    return quoted(path ? resolve(text) : withoutPassword(withPasswordPath(text, resolve)));
  };
  return many ? `[${texts.map(one).join(", ")}]` : one(texts.at(-1)!);
}

/** A TOML string, which is a JSON string except for DEL. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll("\x7f", "\\u007f");
}

/** Removes the passwords of all URLs in it. */
function hidden(plain: unknown): unknown {
  if (typeof plain === "string") return withoutPassword(plain);
  if (Array.isArray(plain)) return plain.map(hidden);
  if (typeof plain !== "object" || plain === null) return plain;
  return Object.fromEntries(Object.entries(plain).map(([key, inner]) => [key, hidden(inner)]));
}
