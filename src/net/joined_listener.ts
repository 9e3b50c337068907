import type { AcceptedSocket, Listener } from "./socket.ts";

type Outcome = { readonly socket: AcceptedSocket | null } | { readonly error: unknown };

/** Two listeners as one, with the first one's address: each is asked for one client at a time. */
export function joinListeners(first: Listener, second: Listener): Listener {
  const idle = new Set([first, second]);
  const come: Outcome[] = [];
  let closed = false;
  let accepter: ((outcome: Outcome) => void) | undefined;
  const take = (outcome: Outcome) => {
    if (accepter) accepter(outcome);
    else if (!closed) come.push(outcome);
    else if ("socket" in outcome) outcome.socket?.close();
    accepter = undefined;
  };
  const ask = (listener: Listener) => {
    idle.delete(listener);
    listener.accept().then((socket) => ({ socket }), (error: unknown) => ({ error })).then((outcome) => {
      idle.add(listener);
      take(outcome);
    });
  };
  return {
    addr: first.addr,
    async accept() {
      const outcome = come.shift() ?? await new Promise<Outcome>((resolve) => {
        accepter = resolve;
        for (const listener of idle) ask(listener);
      });
      if ("error" in outcome) throw outcome.error;
      return outcome.socket;
    },
    close() {
      closed = true;
      first.close();
      second.close();
      for (const outcome of come.splice(0)) if ("socket" in outcome) outcome.socket?.close();
    },
  };
}
