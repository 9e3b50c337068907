import { start } from "./start.ts";

/** What executables begin with: mod.ts without the parts that programs import, which each thread would load. */
await start(import.meta.main, new URL(import.meta.url));
