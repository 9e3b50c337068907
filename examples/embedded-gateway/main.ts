/** A gateway inside of your program, on a port that the system chooses; it prints each session. Ends with standard input. */
import process from "node:process";
import { defaultSettings, Gateway, openNet, Ruleset, systemClock, systemResolver } from "../../mod.ts";

const net = await openNet();
const own = { ownListeners: () => gateway.addrs, localAddrs: () => net.localAddrs() };
const gateway: Gateway = new Gateway({
  net,
  clock: systemClock,
  resolver: systemResolver(),
  ruleset: new Ruleset({ ...own, allow: [], otherwise: "allow" }),
  settings: { ...defaultSettings, maxSessions: 100 },
  authenticator: undefined,
  emit(event) {
    if (event.type === "session-closed") console.log(`${event.session.destination?.host} ${event.session.end}`);
  },
});
const { host, port } = await gateway.listen({ host: "127.0.0.1", port: 0 });
console.log(`listening on ${host} ${port}`);
for await (const _ of process.stdin);
await gateway.drain(1_000);
process.exit(0);
