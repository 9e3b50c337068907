/** Prints docs/reference/options.md, made of the table of options and its texts: `options.ts > docs/reference/options.md`. */
import process from "node:process";
import { fileKey, flagName, type OptionKey, optionKeys, optionOf, variableName } from "../../src/config/options.ts";
import { optionTexts } from "./option_texts.ts";

/** The content of docs/reference/options.md. */
export function optionsPage(): string {
  const byGroup = Map.groupBy(optionKeys, (key) => optionOf(key).group.replace(/ \(.*|:$/g, ""));
  const sections = Array.from(
    byGroup,
    ([group, keys]) => `## ${group}\n\n${keys.map(entry).join("\n")}`,
  );
  return [
    "# Options",
    "<!-- Made by scripts/docs/options.ts: change src/config/options.ts or scripts/docs/option_texts.ts. -->",
    "Each option is a flag, a variable and a key of the file that `--config` names. A flag overrides a variable, and a " +
    "variable overrides the file. In a variable, commas separate several values. Times are written 500ms, 10s, 5m or 1h; " +
    "sizes 500k, 10M or 1G.",
    '"Restart" marks an option that a reload cannot change.',
    index(byGroup),
    sections.join("\n"),
  ].map((part) => part.trimEnd()).join("\n\n") + "\n";
}

function index(byGroup: ReadonlyMap<string, readonly OptionKey[]>): string {
  return Array.from(byGroup, ([group, keys]) => {
    const links = keys.map((key) => `[${fileKey(key)}](#${flagName(key).slice(2)})`);
    return `- ${group}: ${links.join(", ")}`;
  }).join("\n");
}

function entry(key: OptionKey): string {
  const { arg, help, fallback, choices, many, fixed, notInFile } = optionOf(key);
  const { when, cost, example } = optionTexts[key];
  const value = arg === undefined ? "" : ` ${arg}`;
  const facts = [
    `\`${flagName(key)}${value}\``,
    `\`${variableName(key)}\``,
    notInFile ? "not in the file" : `\`${fileKey(key)}\` in the file`,
    ...fallback ? [`default ${fallback.map((text) => `\`${text}\``).join(", ")}`] : [],
    ...choices ? [choices.map((choice) => `\`${choice}\``).join(", ")] : [],
    ...many ? ["repeatable"] : [],
    ...fixed ? ["restart"] : [],
  ];
  return [
    `### ${flagName(key).slice(2)}`,
    "",
    `> ${cell(help)}`,
    "",
    `- ${facts.join("; ")}`,
    `- When: ${when}`,
    `- Cost: ${cost}`,
    `- Example: \`gate46 ${example}\``,
    "",
  ].join("\n");
}

/** As Markdown shows it in a line. */
function cell(text: string): string {
  return text.replaceAll("<", "\\<").replaceAll("*", "\\*").replaceAll("_", "\\_");
}

if (import.meta.main) process.stdout.write(optionsPage());
