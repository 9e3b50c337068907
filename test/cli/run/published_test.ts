import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parsePublish } from "../../../src/cli/run/published.ts";
import { addressText } from "../../../src/protocol/address.ts";

const read = (text: string) => {
  const { on, port, udp } = parsePublish(text);
  return [on.map(addressText).join(" "), port, udp];
};

describe("gate46 run --publish", () => {
  test("accepts a port, an inner port, an outer address, and UDP", () => {
    const rows: readonly (readonly [string, string, number, boolean])[] = [
      ["8080", "127.0.0.1:8080 [::1]:8080", 8080, false],
      ["8080:80", "127.0.0.1:8080 [::1]:8080", 80, false],
      ["0:80", "127.0.0.1:0 [::1]:0", 80, false],
      ["localhost:8080", "127.0.0.1:8080 [::1]:8080", 8080, false],
      ["127.0.0.1:8080:80", "127.0.0.1:8080", 80, false],
      ["0.0.0.0:8080", "0.0.0.0:8080", 8080, false],
      ["[::1]:8080:80/tcp", "[::1]:8080", 80, false],
      ["[2001:db8::1]:5353/udp", "[2001:db8::1]:5353", 5353, true],
      ["5353:53/udp", "127.0.0.1:5353 [::1]:5353", 53, true],
    ];
    for (const [text, ...expected] of rows) assert.deepEqual(read(text), expected, text);
  });

  test("refuses any other value", () => {
    const wrong = ["", "0", "80:0", "65536", "80:80:80:80", "example.org:80", "::1:80", "[::1]", "[::1]80", "80/sctp"];
    for (const text of [...wrong, "[nonsense]:80", "1.2.3:80", "80:", ":80", "-1"]) {
      assert.throws(() => parsePublish(text), /^ConfigError: Cannot parse --publish: '.*' is not a port/, text);
    }
  });
});
