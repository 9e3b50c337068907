/** Changes of the text of a users file. All other lines stay as they are, octet for octet. */

/** The text with `line` at its end. */
export function withLine(text: string, line: string): string {
  const end = lineEnd(text);
  const before = text === "" || text === BOM || /\n$/.test(text) ? text : text + end;
  return `${before}${line}${end}`;
}

/** The text with the user's line replaced by `line`. */
export function withOtherLine(text: string, name: string, line: string): string {
  return mapLine(text, name, (former) => `${line}${/\r?\n$/.exec(former)?.[0] ?? ""}`);
}

/** The text without the user's line. */
export function withoutLine(text: string, name: string): string {
  return mapLine(text, name, () => "");
}

const BOM = "\ufeff";

function mapLine(text: string, name: string, change: (line: string) => string): string {
  const mark = text.startsWith(BOM) ? BOM : "";
  const lines = text.slice(mark.length).split(/(?<=\n)/);
  return mark + lines.map((line) => line.startsWith(`${name}:`) ? change(line) : line).join("");
}

function lineEnd(text: string): string {
  return /\r\n/.test(text) ? "\r\n" : "\n";
}
