import type { Quota, QuotaPeriod } from "../../gateway/quotas/quota.ts";
import { WrongValue } from "../config_error.ts";

const sizes = { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 } as const;
const times = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 } as const;

/** `50G`, `500M`, `2T`: octets, in powers of 1000. Throws WrongValue. */
export function parseQuotaSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kMGT]?)$/.exec(text);
  const size = match && Math.floor(Number(match[1]) * sizes[match[2] as keyof typeof sizes]);
  if (!size || size > Number.MAX_SAFE_INTEGER) throw new WrongValue(`'${text}' is not a size (write 500M, 50G or 2T)`);
  return size;
}

/** `day`, `month`, or a duration such as `30d`, `12h`. Throws WrongValue. */
export function parseQuotaPeriod(text: string): QuotaPeriod {
  if (text === "day" || text === "month") return text;
  const match = /^([1-9]\d{0,5})([dhms])$/.exec(text);
  if (!match) throw new WrongValue(`'${text}' is not a period (write day, month, or a time as 7d or 12h)`);
  return Number(match[1]) * times[match[2] as keyof typeof times];
}

/** The texts of the file. */
export function quotaTexts({ bytes, period }: Quota): readonly string[] {
  const unit = Object.entries(times).find(([, ms]) => Number(period) % ms === 0);
  return [
    `quota = ${bytes}`,
    `quota_period = ${JSON.stringify(typeof period === "string" ? period : `${period / unit![1]}${unit![0]}`)}`,
  ];
}
