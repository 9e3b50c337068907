/** Prints the man page gate46.toml(5), made of the schema of the configuration file: `man_file.ts > gate46.toml.5`. */
import process from "node:process";
import { version } from "../../src/cli/version.ts";
import { fileKey, flagName, optionKeys, optionOf, variableName } from "../../src/config/options.ts";
import { configSchema } from "../config_schema.ts";
import { bold, dateOf, entry, escaped, quoted, section, text } from "./roff.ts";

interface Described {
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly items?: { readonly properties?: Readonly<Record<string, Described>> };
}

const example = `listen = ":1080"
from = ["192.168.0.0/16", "fd00::/8"]
users_file = "users"

[[rules]]
name = "no ads"
action = "deny"
names = [".ads.example"]`;

/** The man page of that day, as source for man(7). */
export function filePage(day: Date): string {
  const { properties } = JSON.parse(configSchema()) as { readonly properties: Readonly<Record<string, Described>> };
  const tables = Object.entries(properties).filter(([, { items }]) => items?.properties);
  return [
    `.TH GATE46.TOML 5 ${day.toISOString().slice(0, 10)} ${quoted(`gate46 ${version}`)} ${quoted("File Formats")}`,
    section("NAME", `gate46.toml \\- ${text("configuration file of gate46")}`),
    section("SYNOPSIS", bold("/etc/gate46/gate46.toml")),
    section(
      "DESCRIPTION",
      text(
        "The file is TOML 1.0. The flag --config or the variable GATE46_CONFIG of gate46(1) names it. A key that gate46 does " +
          "not know, or a wrong value, stops the start and refuses a reload; gate46 check FILE lists every fault with its line.",
      ),
      ".PP",
      text(
        "Flags override variables, and variables override the file. Paths are relative to the folder of the file. Times are " +
          "500ms, 10s, 5m or 1h; a number alone is seconds. Sizes are 500k, 10M or 1G. Where a key takes a list, one value " +
          "needs no brackets.",
      ),
    ),
    section("KEYS", ...optionKeys.filter((key) => !optionOf(key).notInFile).map(keyEntry)),
    section(
      "TABLES",
      ...tables.flatMap(([name, { items, description }]) => [
        `.SS ${quoted(`[[${name}]]`)}`,
        ...description ? [text(description)] : [],
        ...Object.entries(items!.properties!).map(tableEntry),
      ]),
    ),
    section("EXAMPLE", ".nf", ...example.split("\n").map(escaped), ".fi"),
    section("SEE ALSO", text("gate46(1)")),
  ].join("\n") + "\n";
}

function keyEntry(key: (typeof optionKeys)[number]): string {
  const { help, fallback, choices, many, fixed } = optionOf(key);
  const more = [
    ...choices ? [`one of ${choices.join(", ")}`] : [],
    ...fallback ? [`default ${fallback.join(", ")}`] : [],
    ...many ? ["a list"] : [],
    ...fixed ? ["a change needs a restart"] : [],
    `flag ${flagName(key)}`,
    `variable ${variableName(key)}`,
  ];
  return `${entry(bold(fileKey(key)), help)}\n.br\n${text(`${more.join("; ")}.`)}`;
}

function tableEntry([key, { description, enum: choices }]: readonly [string, Described]): string {
  return entry(bold(key), [description, choices?.join(", ")].filter(Boolean).join(": "));
}

if (import.meta.main) process.stdout.write(filePage(dateOf(process.env)));
