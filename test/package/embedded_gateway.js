// A gateway of one's own and a client of it, by what the package exports: the same program for Deno, Bun and Node.js.
import {
  Client,
  Command,
  defaultSettings,
  Gateway,
  NetError,
  openNet,
  parseNamePattern,
  parsePrefix,
  ReplyError,
  Ruleset,
  systemClock,
  systemResolver,
  usernameText,
} from "gate46";

const net = await openNet();
const clock = systemClock, resolver = systemResolver();
const decoder = new TextDecoder(), encoder = new TextEncoder();
const loopback = { host: "127.0.0.1", port: 0 };

/** Lets ann in. */
const authenticator = {
  verify: (credentials) =>
    Promise.resolve({ good: usernameText(credentials) === "ann" && decoder.decode(credentials.password) === "secret" }),
};
const refused = [];
const start = async (allow) => {
  const rules = [
    { name: "nobody goes there", action: "deny", to: [parsePrefix("198.51.100.0/24")] },
    { name: "no ads", action: "deny", names: [parseNamePattern(".ads.example")], commands: [Command.Connect] },
  ];
  const gateway = new Gateway({
    ...{ net, clock, resolver, authenticator, settings: defaultSettings },
    ruleset: new Ruleset({
      rules,
      allow: allow.map(parsePrefix),
      ownListeners: () => gateway.addrs,
      localAddrs: () => net.localAddrs(),
    }),
    emit: (event) => {
      if (event.type === "session-closed" && event.session.end === "refused") refused.push(event.session.detail);
    },
  });
  const { port } = await gateway.listen(loopback);
  const clientOf = (who) => new Client({ net, clock, resolver, via: `socks5://${who}@127.0.0.1:${port}` });
  return { gateway, clientOf };
};

/** An echo of one connection. */
const echo = async (socket) => {
  for (let chunk = await socket.read(); chunk; chunk = await socket.read()) await socket.write(chunk);
  await socket.closeWrite();
};
const ask = async (socket) => {
  await socket.write(encoder.encode("hello"));
  await socket.closeWrite();
  let text = "";
  for (let chunk = await socket.read(); chunk; chunk = await socket.read()) text += decoder.decode(chunk);
  socket.close();
  return text;
};
const replyOf = async (call) => {
  try {
    await call;
    return "none";
  } catch (error) {
    if (error instanceof ReplyError) return error.reply;
    throw error;
  }
};

const listener = await net.listen(loopback);
void listener.accept().then(echo);
const open = await start(["127.0.0.1"]);
const ann = open.clientOf("ann:secret");
console.log("connected:", await ask(await ann.connect({ host: "127.0.0.1", port: listener.addr.port })));

const peer = await net.bindUdp(loopback);
const association = await ann.associate();
await association.send(encoder.encode("hello"), peer.addr);
const [datagram] = await peer.receive();
await peer.send([{ bytes: datagram.bytes.slice(), addr: datagram.addr }]);
console.log("datagram:", decoder.decode((await association.receive()).payload));
association.close();
peer.close();

const rendezvous = await ann.bind({ host: "0.0.0.0", port: 0 });
const came = rendezvous.accept();
const caller = await net.connect({ host: "127.0.0.1", port: rendezvous.addr.port });
void came.then(({ socket }) => echo(socket));
console.log("bound:", await ask(caller));

console.log("by address:", await replyOf(ann.connect({ host: "198.51.100.7", port: 80 })));
console.log("by name:", await replyOf(ann.connect({ host: "ads.example", port: 80 })));
const wrong = await open.clientOf("ann:wrong").connect({ host: "127.0.0.1", port: 1 }).catch((error) => error);
console.log("wrong password:", wrong instanceof NetError, wrong.kind);

const closed = await start([]);
const refusing = closed.clientOf("ann:secret").connect({ host: "127.0.0.1", port: listener.addr.port });
console.log("closed by default:", await replyOf(refusing));

listener.close();
await Promise.all([open.gateway.drain(1_000), closed.gateway.drain(1_000)]);
console.log(refused.join(", "));
