/** `save.ts FILE`: saves the usage of 120 users. Says whether it was refused. */
import process from "node:process";
import { quotaFile } from "../../../../src/cli/quotas/quota_file.ts";

const used = Array.from({ length: 120 }, (_, i) => [`user${i}`, { since: 0, until: 1, bytes: i }] as const);
try {
  quotaFile(process.argv[2]!).save(new Map(used));
  console.log("saved");
} catch {
  console.log("refused");
}
