/** Control, format and private characters, and line separators: they may control a terminal or end a line. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/u;
const allUnprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** `text` with these characters escaped as in JSON: JSON stays valid, and the text can be shown. */
export function printable(text: string): string {
  return unprintable.test(text) ? text.replace(allUnprintable, escaped) : text;
}

function escaped(letter: string): string {
  return Array.from({ length: letter.length }, (_, i) => `\\u${letter.charCodeAt(i).toString(16).padStart(4, "0")}`)
    .join("");
}
