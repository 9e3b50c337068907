import { start } from "./start.ts";

/** What executables begin with. It has no parts for other programs to import, which each thread would load. */
await start(import.meta.main, new URL(import.meta.url));
