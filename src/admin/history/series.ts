/** What the history holds of each second and each minute: how much there was of it meanwhile. Octets, counts and ms. */
export const amounts = [
  "A-up",
  "A-down",
  "B-up",
  "B-down",
  "C-up",
  "C-down",
  "D-up",
  "D-down",
  "clients",
  "refused",
  "password",
  "unreachable",
  "broken",
  "turned-away",
  "dials",
  "dialMs",
  "names",
  "nameMs",
] as const;

/** The same, of which the highest counts: sessions at one time, and the longest of what took time (ms). */
export const peaks = ["sessions", "longestDialMs", "longestNameMs"] as const;

export const series = [...amounts, ...peaks] as const;

export type Series = typeof series[number];

/** The place of each in what a thread tells. */
export const placeOf = Object.fromEntries(series.map((name, place) => [name, place])) as Readonly<
  Record<Series, number>
>;
