import type { Config } from "../../config/config.ts";
import type { Clock } from "../../net/clock.ts";
import { log } from "../log/log.ts";
import { quotaFile, type QuotaStore } from "../quotas/quota_file.ts";
import { QuotaLedger } from "../quotas/quota_ledger.ts";

/** The store without a quota file: no user has a quota, and a reload cannot add one. */
const nowhere: QuotaStore = { load: () => new Map(), save() {} };

/** The ledger of a configuration. Throws ConfigError if its file cannot be read. */
export function openLedger({ quotaFile: file, gateway }: Config, clock: Clock): QuotaLedger {
  const failed = (error: unknown) => {
    log.error("quotas cannot be written: a restart would forget", { file, error: (error as { code?: string }).code });
  };
  const store = file === undefined ? nowhere : quotaFile(file);
  return new QuotaLedger({ store, clock, now: Date.now, failed }, gateway.userQuotas);
}
