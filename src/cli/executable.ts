import { start } from "./start.ts";

/** What executables begin with: the program without the library, which each thread would load. */
await start(import.meta.main, new URL(import.meta.url));
