import { ActivityLog } from "../../../src/admin/activity.ts";
import type { Snapshot } from "../../../src/admin/counted/collected.ts";
import { Metrics } from "../../../src/admin/metrics.ts";
import { atOnce } from "../../../src/admin/steps.ts";
import type { Event } from "../../../src/events.ts";

export interface Counted extends Pick<Metrics, "look" | "listen" | "nameUsers"> {
  snapshot(): Snapshot;
}

/** Metrics that hear of sessions as they do in the program. */
export function counted(): Counted {
  const activity = new ActivityLog();
  const metrics = new Metrics(activity.sessions);
  return {
    look: () => metrics.look(),
    snapshot: () => atOnce(metrics.look()),
    nameUsers: (users) => metrics.nameUsers(users),
    listen(event: Event) {
      activity.listen(event);
      metrics.listen(event);
    },
  };
}
