import process from "node:process";
import threads from "node:worker_threads";

new threads.Worker(new URL("./worker_thread.mjs", import.meta.url)).on("message", (text) => {
  console.log(text);
  process.exit();
});
