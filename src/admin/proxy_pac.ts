import type { SocketAddr } from "../net/socket.ts";
import { addressText } from "../protocol/address.ts";

/** A listener that browsers can use. */
export interface ProxyWay {
  readonly addr: SocketAddr;
  readonly tls: boolean;
  readonly only: "socks" | "http" | undefined;
}

/** The proxies that a browser is told to use. */
export interface ProxyWays {
  readonly ways: readonly ProxyWay[];
  /** True if users have passwords, which browsers can send by HTTP alone. */
  readonly asksForPasswords: boolean;
}

/**
 * The file by which a browser configures itself (proxy auto-config): everything goes to the gateway except this machine and
 * its link, which a gateway does not connect to. Denied destinations go to the gateway too: a direct connection would bypass
 * the rule. `host` is the browser's name for this machine.
 */
export function proxyPac({ ways, asksForPasswords }: ProxyWays, host: string): string {
  const proxies = ways.flatMap(({ addr, tls, only }) => {
    const at = addressText({ host: isAny(addr.host) ? host : addr.host, port: addr.port });
    return [
      ...only === "socks" ? [] : [`${tls ? "HTTPS" : "PROXY"} ${at}`],
      ...only === "http" || tls || asksForPasswords ? [] : [`SOCKS5 ${at}`],
    ];
  });
  return `function FindProxyForURL(url, host) {
  host = host.toLowerCase().replace(/^\\[|\\]$/g, "");
  if (isPlainHostName(host) && host.indexOf(":") < 0 || dnsDomainIs(host, ".localhost") || dnsDomainIs(host, ".local") ||
    /^(127|169\\.254)\\.[0-9.]+$/.test(host) || /^(::1$|fe[89ab][0-9a-f]:)/.test(host)) return "DIRECT";
  return ${JSON.stringify(proxies.length > 0 ? proxies.join("; ") : "DIRECT")};
}
`;
}

function isAny(host: string): boolean {
  return host === "::" || host === "0.0.0.0";
}
