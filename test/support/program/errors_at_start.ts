/** Loads what serves clients, and prints the stacks of the errors that are made meanwhile. */
const made: string[] = [];
const real = globalThis.Error;
const noted = (error: Error) => {
  made.push(String(error.stack));
  return error;
};
globalThis.Error = new Proxy(real, {
  construct: (target, args, newTarget) => noted(Reflect.construct(target, args, newTarget)),
  apply: (target, self, args) => noted(Reflect.apply(target, self, args)), // Bun leaves "new" out
});
await import("../../../mod.ts");
await import("../../../src/cli/serve/serve.ts");
await import("../../../src/cli/workers/worker.ts");
globalThis.Error = real;
console.log(JSON.stringify(made));
