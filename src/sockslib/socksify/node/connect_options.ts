import net from "node:net";

/** The options of net.Socket.connect() and tls.connect() that matter here. */
export interface ConnectOptions {
  readonly host?: string;
  readonly port?: number | string;
  readonly path?: string;
  readonly fd?: number;
  readonly family?: number;
  readonly hints?: number;
  readonly socket?: unknown;
  readonly timeout?: number;
  readonly lookup?: Lookup;
  readonly [option: string]: unknown;
}

export type Lookup = (
  host: string,
  options: { readonly family?: number; readonly hints?: number; readonly all?: boolean },
  callback: (error: Error | null, address: string, family?: number) => void,
) => unknown;

export type Callback = (() => void) | null | undefined;

/** The arguments of net.Socket.connect(), or of tls.connect(), in any of their forms. */
export function connectArguments(args: readonly unknown[]): { options: ConnectOptions; callback: Callback } {
  // Arguments that node:net has normalised: [options, callback], marked with a symbol.
  const [first] = args;
  if (Array.isArray(first)) return { options: first[0], callback: first[1] };
  const [options, callback] = normalizeArgs(args as unknown[]);
  const third = typeof first === "object" ? undefined : args.find((arg) => typeof arg === "object" && arg !== null);
  return { options: third ? { ...options, ...third } : options, callback };
}

/** Port and host as node:net reads them, or undefined without a host: a path, a descriptor, nothing. */
export function target({ host, port, path, fd, socket }: ConnectOptions): { host: string; port: number } | undefined {
  if (path || socket || (fd !== undefined && fd !== null)) return undefined;
  const number = Number(port);
  if (port === "" || !Number.isInteger(number) || number < 0 || number > 65_535) return undefined; // node:net reports it
  return typeof host === "string" && host !== "" ? { host, port: number } : undefined; // the default host is localhost
}

const { _normalizeArgs: normalizeArgs } = net as unknown as {
  _normalizeArgs(args: unknown[]): [ConnectOptions, Callback];
};
