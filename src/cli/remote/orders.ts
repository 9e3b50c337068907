/** By what `gate46 top` can sort; the command line is made with them before anything of it is loaded. */
export const orderNames = ["rate", "bytes", "age", "client", "user", "destination"] as const;

export type Order = (typeof orderNames)[number];
