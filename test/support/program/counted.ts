import { ActivityLog } from "../../../src/admin/activity.ts";
import { Metrics } from "../../../src/admin/metrics.ts";
import type { Event } from "../../../src/events.ts";

export type Counted = Pick<Metrics, "snapshot" | "listen" | "nameUsers">;

/** Metrics that hear of sessions as they do in the program. */
export function counted(): Counted {
  const activity = new ActivityLog();
  const metrics = new Metrics(activity.sessions);
  return {
    snapshot: () => metrics.snapshot(),
    nameUsers: (users) => metrics.nameUsers(users),
    listen(event: Event) {
      activity.listen(event);
      metrics.listen(event);
    },
  };
}
