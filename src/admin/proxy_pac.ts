import type { SocketAddr } from "../net/socket.ts";
import { addressText } from "../protocol/address.ts";

/** A listener that browsers can use. */
export interface ProxyWay {
  readonly addr: SocketAddr;
  readonly tls: boolean;
  readonly only: "socks" | "http" | undefined;
}

/** What a browser is told to use, and for what. */
export interface ProxyWays {
  readonly ways: readonly ProxyWay[];
  /** Whether users have passwords, which browsers can tell by HTTP alone. */
  readonly asksForPasswords: boolean;
}

/**
 * The file by which a browser configures itself (proxy auto-config): everything goes to the gateway but what is this machine or its
 * link, to which a gateway does not go. What a rule denies is asked for there too: to go directly would be a way around the rule.
 * `host` is how the browser calls this machine.
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
