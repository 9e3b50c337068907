import type { LogLevel, LogRecord } from "@logtape/logtape";
import { printable } from "./printable.ts";

/**
 * The text format: time, level, message, then key=value, quoted where a value needs it. LogTape's own logfmt formatter
 * reads better nowhere and costs five times as much, which a busy gateway feels.
 */
export function logfmt(record: LogRecord): string {
  return `${timeText(record.timestamp)} ${record.level} ${said(record)}\n`;
}

/** The same for eyes, on a terminal: what a line says stands out. */
export function colouredLogfmt(record: LogRecord): string {
  const { timestamp, level, message, properties } = record;
  let line = `${GREY}${timeText(timestamp)}${PLAIN} ${colours[level]}${level}${PLAIN} ${BOLD}${
    message.join("")
  }${PLAIN}`;
  for (const key in properties) line += ` ${GREY}${key}=${PLAIN}${valueText(properties[key])}`;
  return `${line}\n`;
}

/** As sd-daemon(3) and `logger --prio-prefix` read it, who add the time: `<6>session …` */
export function prefixedLogfmt(record: LogRecord): string {
  return `<${priorities[record.level]}>${said(record)}\n`;
}

const GREY = "\x1b[90m", BOLD = "\x1b[1m", PLAIN = "\x1b[0m";

const colours: Readonly<Record<LogLevel, string>> = {
  trace: GREY,
  debug: GREY,
  info: "\x1b[32m",
  warning: "\x1b[33m",
  error: "\x1b[31m",
  fatal: "\x1b[31m",
};

/** Of syslog (RFC 5424 s6.2.1). */
const priorities: Readonly<Record<LogLevel, number>> = { trace: 7, debug: 7, info: 6, warning: 4, error: 3, fatal: 2 };

function said({ message, properties }: LogRecord): string {
  let text = message.length === 1 ? `${message[0]}` : message.join("");
  for (const key in properties) text += ` ${key}=${valueText(properties[key])}`;
  return text;
}

const last = { timestamp: NaN, text: "" };

/** Lines come many to a millisecond. */
function timeText(timestamp: number): string {
  if (timestamp !== last.timestamp) {
    last.timestamp = timestamp;
    last.text = new Date(timestamp).toISOString();
  }
  return last.text;
}

/** Nothing that a client chose can end the line, look like another field or reach a terminal. */
function valueText(value: unknown): string {
  if (typeof value === "number") return `${value}`;
  const text = String(value);
  return /^[\w.:/\[\]+-]+$/.test(text) ? text : printable(JSON.stringify(text));
}
