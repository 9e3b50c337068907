/** Packages that others want for their types alone: nothing of them is shipped. */
export const typesOnly: ReadonlySet<string> = new Set(
  ["api-logs", "sdk-logs", "sdk-trace"].map((name) => `@opentelemetry/${name}`),
);
