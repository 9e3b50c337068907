import process from "node:process";
import { threadStart } from "./workers/messages/thread_start.ts";

/** Runs this thread's task; `isMain` is true if it began with the module `entry`. A task loads only its code: clients wait. */
export async function start(isMain: boolean, entry: URL): Promise<void> {
  const thread = threadStart();
  if (thread || isMain) process.noDeprecation = true; // deprecations in the runtime's own libraries do not belong in the log
  if (thread?.gate46 === "worker") await (await import("./workers/worker.ts")).startWorker(thread);
  else if (thread?.gate46 === "ahead") await (await import("./workers/worker.ts")).startAhead();
  else if (thread?.gate46 === "config") await (await import("./serve/config_thread.ts")).readInThread(thread);
  else if (thread) await (await import("./service/threads/gss_asking.ts")).serveSteps();
  else if (isMain) {
    const { main } = await import("./main.ts");
    process.exit(await main(process.argv.slice(2), entry));
  }
}
