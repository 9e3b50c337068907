import assert from "node:assert/strict";
import { test } from "node:test";
import { imagine, placeOf, someClient } from "../../../src/cli/commands/imagined.ts";
import { parseConfig, readConfig } from "../../../src/config/config.ts";
import { ConfigError } from "../../../src/config/config_error.ts";
import { Command, commandName } from "../../../src/protocol/codes.ts";
import { explainedNames } from "../../../src/cli/commands/explained.ts";
import { readFile } from "../../../src/config/file/config_file.ts";
import { addressText } from "../../../src/protocol/address.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { ProtocolError } from "../../../src/protocol/protocol_error.ts";

const toml = `
listen = ["127.0.0.1:1080", "http://127.0.0.1:8080", "sni://:443", "sni://127.0.0.1:8443?port=443", "host://127.0.0.1:80"]
forward = ["127.0.0.1:2222=Server.example:22", "udp://127.0.0.1:53=[2001:db8::53]:53"]
[[rules]]
action = "allow"
names = ".example"
`;
const { config } = readConfig({ file: readFile(toml, "gate46.toml", (path) => path) });

/** Where the client would come to, and where it would go. */
function meant(what: string, destination: string, listener?: string) {
  const imagined = imagine(what, destination);
  const { name, spec } = placeOf(config, listener, imagined);
  const wish = imagined.wishAt(spec);
  return `${name} ${addressText(wish.destination)}${wish.byName ? " by name" : ""}`;
}

test("explain chooses a listener that serves the command", () => {
  assert.equal(meant("connect", "x.example:1"), "127.0.0.1:1080 x.example:1");
  assert.equal(meant("connect", "x.example:1", "127.0.0.1:8080"), "127.0.0.1:8080 x.example:1");
  assert.equal(meant("connect", "https://ann:secret@x.example/path?q"), "127.0.0.1:1080 x.example:443");
  assert.equal(meant("connect", "http://[2001:db8::1]"), "127.0.0.1:1080 [2001:db8::1]:80");
  assert.equal(meant("connect", "HTTP://x.example:8080"), "127.0.0.1:1080 x.example:8080");
  assert.equal(meant("bind", "0.0.0.0:0"), "127.0.0.1:1080 0.0.0.0:0");
  assert.equal(meant("host", "x.example"), "127.0.0.1:80 x.example:80 by name");
  assert.equal(meant("sni", "x.example", ":443"), "[::]:443 x.example:443 by name");
  assert.equal(meant("sni", "x.example", "127.0.0.1:8443"), "127.0.0.1:8443 x.example:443 by name");
  assert.equal(meant("forward", "server.example:22"), "127.0.0.1:2222 server.example:22");
  assert.equal(meant("forward", "[2001:db8::53]:53"), "127.0.0.1:53 [2001:db8::53]:53");
});

test("the default client is this host, otherwise the first allowed address", () => {
  const from = (...texts: string[]) => someClient(texts.map((text) => parsePrefix(text)!));
  assert.equal(someClient(undefined), "127.0.0.1");
  assert.equal(from("192.168.0.0/16", "127.0.0.0/8"), "127.0.0.1");
  assert.equal(from("192.168.0.0/16"), "192.168.0.1");
  assert.equal(from("192.168.0.8"), "192.168.0.8");
  assert.equal(from("2001:db8::/32", "192.168.0.0/16"), "2001:db8::1");
});

test("an unsuitable, missing or ambiguous listener is an error", () => {
  const refused = (...args: readonly [string, string, string?]) => {
    try {
      return meant(...args);
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.message;
    }
  };
  assert.equal(refused("connect", "x.example:1", ":443"), "Cannot explain: the listener ':443' is for other clients");
  assert.equal(
    refused("bind", "0.0.0.0:0", "127.0.0.1:8080"),
    "Cannot explain: the listener '127.0.0.1:8080' is for other clients",
  );
  assert.equal(refused("connect", "x.example:1", ":444"), "Cannot parse --listener: no --listen is ':444'");
  assert.equal(refused("forward", "x.example:1"), "Cannot explain: no --forward leads to x.example:1");
  assert.equal(
    refused("sni", "x.example"),
    "Cannot explain: give --listener, one of [::]:443, 0.0.0.0:443, 127.0.0.1:8443, since they lead to ports of their own",
  );
  const plain = parseConfig({});
  assert.throws(() => placeOf(plain, undefined, imagine("host", "x.example")), /no --listen is host:/);
});

test("resolve and resolve-ptr need no port", () => {
  for (
    const [command, said, text] of [
      ["resolve", "x.example", "resolve x.example"],
      ["resolve-ptr", "2001:db8::1", "resolve-ptr 2001:db8::1"],
      ["resolve-ptr", "192.0.2.1", "resolve-ptr 192.0.2.1"],
      ["resolve", "x.example:80", "resolve x.example"],
    ] as const
  ) {
    assert.equal(imagine(command, said).text, text);
  }
});

test("help and completion list the commands that explain knows", () => {
  for (const name of explainedNames) imagine(name, "192.0.2.1:80");
  const commands = Object.values(Command).filter((one) => one !== Command.UdpInTcp);
  assert.deepEqual([...explainedNames], [...commands.map(commandName), "sni", "host"]);
});

test("explain refuses an invalid SNI or Host with the error of the listener", () => {
  for (
    const [what, name, state] of [
      ["sni", "192.0.2.1", /the client asks for an address, not for a name/],
      ["host", "x.example:81", /the request is for port 81/],
      ["host", "", /it has no Host/],
      ["host", "x example", /./],
    ] as const
  ) {
    assert.throws(() => meant(what, name, what === "sni" ? ":443" : undefined), (error) => {
      return error instanceof ProtocolError && state.test(error.message);
    });
  }
});
