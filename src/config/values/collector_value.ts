import { WrongValue } from "../config_error.ts";

/** The base URL of a collector. Throws WrongValue. */
export function parseCollectorUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new WrongValue("it is not a URL (write http://127.0.0.1:4318)");
  if (url.username || url.password) throw new WrongValue("it has credentials; set OTEL_EXPORTER_OTLP_HEADERS instead");
  if (url.search || url.hash) {
    throw new WrongValue("it has a query or a fragment, and v1/metrics and v1/logs are added");
  }
  return url;
}
