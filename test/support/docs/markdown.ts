import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path/posix";
import { projectRoot } from "../program/runtime.ts";

/** A text for people: its path from the project's root, and what it says. */
export interface Document {
  readonly path: string;
  readonly text: string;
}

/** A block of code, and the comment that stands right before it. */
export interface Block {
  readonly code: string;
  /** What is between `<!--` and `-->`, of several comments in their order. */
  readonly marks: readonly string[];
  /** From 1. */
  readonly line: number;
}

const alone = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"];

/** Every document for people who use or change gate46, but for the map of src/ and the changelog. */
export function documents(): readonly Document[] {
  const below = ["docs", "examples"].flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md")).sort().map((name) => join(folder, name))
  );
  return [...alone, ...below].map((path) => ({ path, text: readFileSync(join(projectRoot, path), "utf8") }));
}

/** The blocks of a document: indented by four, or between fences. */
export function blocks(text: string): readonly Block[] {
  const found: Block[] = [], lines = text.split("\n");
  let marks: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!, mark = /^<!-- (.*) -->$/.exec(line)?.[1];
    if (mark !== undefined) marks.push(mark);
    else if (line.startsWith("```") || (line.startsWith("    ") && lines[i - 1] === "")) {
      const first = i, fenced = line.startsWith("```");
      const end = fenced
        ? lines.indexOf("```", i + 1)
        : lines.findIndex((line, at) => at > i && line !== "" && !line.startsWith("    "));
      const last = end < 0 ? lines.length : end;
      const inside = fenced ? lines.slice(i + 1, last) : lines.slice(i, last).map((line) => line.slice(4));
      found.push({ code: `${inside.join("\n").trimEnd()}\n`, marks, line: first + 1 });
      marks = [];
      i = fenced ? last : last - 1;
    } else if (line !== "") marks = [];
  }
  return found;
}

/** The rows below the header of each table that has a column of that name: its cells in that column. */
export function column(text: string, name: string): readonly string[] {
  const found: string[] = [];
  let at = -1;
  for (const line of text.split("\n")) {
    const cells = line.startsWith("|") ? line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()) : undefined;
    if (!cells) at = -1;
    else if (at < 0) at = cells.includes(name) ? cells.indexOf(name) : Infinity;
    else if (at !== Infinity && !/^[-: ]+$/.test(cells[0]!)) found.push(cells[at]!);
  }
  return found;
}

/** What stands between backticks. */
export function quoted(text: string): readonly string[] {
  return Array.from(text.matchAll(/`([^`\n]+)`/g), ([, inside]) => inside!);
}
