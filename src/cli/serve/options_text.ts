import { fileKey, flagName, optionKeys, optionOf } from "../../config/options.ts";
import { version } from "../version.ts";

/** All options of this program, as text: flag, key in the file, purpose and default. */
export function optionsText(): string {
  let text = `gate46 ${version}: all options. Each is a flag, a key of the file, and a variable (GATE46_LOG_LEVEL).\n`;
  let group = "";
  for (const key of optionKeys) {
    const { arg, choices, fallback, help, many, notInFile, fixed, ...option } = optionOf(key);
    if (option.group !== group) text += `\n${group = option.group}\n`;
    const value = choices ? choices.join("|") : arg;
    text += `\n  ${flagName(key)}${value === undefined ? "" : ` ${value}`}${
      many ? " (repeatable)" : ""
    }\n      ${help}\n`;
    const notes = [
      ...notInFile ? [] : [`key ${fileKey(key)}`],
      ...fallback ? [`default ${fallback.join(", ")}`] : [],
      ...fixed ? ["a change needs a restart"] : [],
    ];
    if (notes.length > 0) text += `      (${notes.join("; ")})\n`;
  }
  return text;
}
