/** The sort orders of `gate46 top`; the command line needs them before `top` is loaded. */
export const orderNames = ["rate", "bytes", "age", "client", "user", "destination"] as const;

export type Order = (typeof orderNames)[number];
