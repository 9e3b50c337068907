import { fstatSync } from "node:fs";
import { isatty } from "node:tty";
import { getJsonLinesFormatter, type LogRecord } from "@logtape/logtape";
import type { Config } from "../../config/config.ts";
import { colouredLogfmt, logfmt, prefixedLogfmt, TextLine } from "./logfmt.ts";
import { printable } from "./printable.ts";

/** Makes one line, with its line end. */
export type LineFormat = (record: LogRecord) => string;

/** The properties of the log's destination that determine the format. */
export interface Destination {
  readonly terminal: boolean;
  readonly journal: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The format of lines; `auto` is the journal's format if they go there, else text, in colours on a terminal. */
export function lineFormat(format: Config["logFormat"], to: Destination, environment: Environment): LineFormat {
  switch (format) {
    case "json": {
      const json = getJsonLinesFormatter({ properties: "flatten" });
      return (record) => `${printable(json(record).slice(0, -1))}\n`;
    }
    case "syslog":
      return prefixedLogfmt;
    case "auto":
      if (to.journal) return prefixedLogfmt;
      return wantsColours(to, environment) ? colouredLogfmt : logfmt;
    case "text":
      return wantsColours(to, environment) ? colouredLogfmt : logfmt;
  }
}

/** True if lines begin with their level, as `<6>`. */
export function isPrefixed(format: LineFormat): boolean {
  return format === prefixedLogfmt;
}

/** The writer of lines of that format, level and message field by field; undefined if there is none. */
export function textLine(format: LineFormat, level: LogRecord["level"], message: string): TextLine | undefined {
  if (format === logfmt) return new TextLine(false, level, message);
  return format === prefixedLogfmt ? new TextLine(true, level, message) : undefined;
}

/** The destination of a descriptor of this process. */
export function destinationOf(fd: number, environment: Environment): Destination {
  return { terminal: isatty(fd), journal: leadsToJournal(fd, environment.JOURNAL_STREAM) };
}

/** As no-color.org and most programs define it. */
function wantsColours({ terminal }: Destination, { NO_COLOR, FORCE_COLOR, TERM }: Environment): boolean {
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return terminal && TERM !== "dumb";
}

/** systemd names device and inode of its stream; the descriptor may have been redirected since (systemd.exec(5)). */
function leadsToJournal(fd: number, stream: string | undefined): boolean {
  if (!stream) return false;
  try {
    const { dev, ino } = fstatSync(fd);
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
