import process from "node:process";
import { runtime } from "./runtime.ts";

const left = new Set<() => void>();

/**
 * Has `undo` called when tests are over, however they end: those of this file under Deno, all under Bun. Returns how to leave
 * it out.
 */
export function afterwards(undo: () => void): () => void {
  left.add(undo);
  return () => void left.delete(undo);
}

function undoAll(): void {
  for (const undo of Array.from(left).reverse()) {
    try {
      undo();
    } catch (error) {
      console.error(error); // the others are undone all the same
    }
  }
}

// Hooks of tests would come too early: what a file or another hook has made is for more than one test.
if (runtime === "deno") globalThis.addEventListener("unload", undoAll); // its tests end without an exit
else process.on("exit", undoAll);
