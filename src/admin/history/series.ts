/** The history's amounts for each second and each minute. Octets, counts and ms. */
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

/** The history's maxima: of concurrent sessions, and of durations (ms). */
export const peaks = ["sessions", "longestDialMs", "longestNameMs"] as const;

export const series = [...amounts, ...peaks] as const;

export type Series = typeof series[number];

/** The index of each series in a thread's counts. */
export const placeOf = Object.fromEntries(series.map((name, place) => [name, place])) as Readonly<
  Record<Series, number>
>;
