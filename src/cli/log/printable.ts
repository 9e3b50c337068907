/** Control, format and private letters, and separators of lines: what a terminal obeys, or a reader of lines takes for their end. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/u;
const allUnprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** `text` with those letters as JSON escapes them: it stays JSON where it was, and can be shown. */
export function printable(text: string): string {
  return unprintable.test(text) ? text.replace(allUnprintable, escaped) : text;
}

function escaped(letter: string): string {
  return Array.from({ length: letter.length }, (_, i) => `\\u${letter.charCodeAt(i).toString(16).padStart(4, "0")}`)
    .join("");
}
