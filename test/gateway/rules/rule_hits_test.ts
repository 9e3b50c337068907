import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hitsMemory, RuleHits } from "../../../src/gateway/rules/rule_hits.ts";
import { ruleViews } from "../../../src/cli/serve/rule_views.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { packedRulesOf } from "../../support/memory/rules.ts";
import { SERVER4, worldTest } from "../../support/memory/world.ts";

describe("The hit count of a rule", () => {
  test("has more than 32 bits, includes all threads, and is off with too many rules", () => {
    const memory = hitsMemory(3);
    const [one, other] = [new RuleHits(memory), new RuleHits(memory)];
    one.add(1);
    other.add(1);
    new Int32Array(memory)[2] = -1;
    one.add(2);
    assert.deepEqual([0, 1, 2].map((number) => other.of(number)), [0, 2, 2 ** 32]);
    const none = new RuleHits(hitsMemory(1_000_000));
    none.add(7);
    assert.equal(none.size, 0);
  });

  const rules = packedRulesOf([
    { action: "deny", names: ["never.example"] },
    { action: "deny", names: ["ads.example"] },
    { action: "allow", to: [`${SERVER4}/32`] },
  ]);

  worldTest("counts each allowed or refused session once, and sorts by hits", { rules }, async (world) => {
    await world.serve({ host: SERVER4, port: 80 });
    for (let i = 0; i < 2; i++) {
      const client = await world.request(Command.Connect, { host: SERVER4, port: 80 });
      await client.close();
    }
    const refused = await world.request(Command.Connect, { host: "ads.example", port: 80 });
    await refused.finish();
    assert.deepEqual(ruleViews(rules), {
      count: 3,
      neverHit: 1,
      rules: [{ rule: "rules[2]", hits: 2 }, { rule: "rules[1]", hits: 1 }, { rule: "rules[0]", hits: 0 }],
    });
  });
});
