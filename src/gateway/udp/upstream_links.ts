import { Cut } from "../../net/cut.ts";
import type { OnwardAssociation } from "../../sockslib/chain/onward_association.ts";
import type { Conversation } from "../commands/conversation.ts";
import { proxied } from "../entrance/proxied.ts";
import type { Onward } from "../rules/onward.ts";
import { upstreamsOf } from "../commands/through.ts";
import type { WayOut } from "../way_out.ts";
import type { Route } from "../upstreams/route.ts";

/** The upstream associations of one client association, one per route (RFC 3089 s4). */
export class Links {
  readonly #conversation: Conversation;
  readonly #opened: (link: OnwardAssociation) => void;
  readonly #byRoute = new Map<Route, Promise<OnwardAssociation>>();
  readonly #chains = new WeakMap<OnwardAssociation, string>();
  readonly #over = new Cut();

  /** `opened` is called with each established one. */
  constructor(conversation: Conversation, opened: (link: OnwardAssociation) => void) {
    this.#conversation = conversation;
    this.#opened = opened;
  }

  /** The link for `onward`; a new one if the last has ended. Rejects with ReplyError or NetError. */
  get({ via, wayOut }: Onward): Promise<OnwardAssociation> {
    const route = upstreamsOf(this.#conversation).route(via);
    let link = this.#byRoute.get(route);
    if (!link) {
      this.#byRoute.set(route, link = this.#open(route, wayOut));
      const forget = () => void (this.#byRoute.get(route) === link && this.#byRoute.delete(route));
      link.then(({ ended }) => ended).then(forget, forget);
    }
    return link;
  }

  /** The gateways behind which its datagrams leave. */
  chainOf(link: OnwardAssociation): string | undefined {
    return this.#chains.get(link);
  }

  close(): void {
    this.#over.make();
    for (const link of this.#byRoute.values()) link.then((link) => link.close(), () => {});
  }

  async #open(route: Route, wayOut: WayOut | undefined): Promise<OnwardAssociation> {
    const { settings, record, asker, exits, client } = this.#conversation;
    const upstreams = upstreamsOf(this.#conversation);
    const link = await route.through({
      deadlineMs: settings.dialMs,
      cut: this.#over,
      asker,
      client: () => proxied(record.client, client.localAddr),
    }, {
      reach: (chain, limits) => upstreams.associate(chain, limits, { exits, wayOut }),
      ask: (link, chain) => {
        record.via ??= chain.text;
        this.#chains.set(link, chain.text);
        return Promise.resolve(link);
      },
    });
    if (this.#over.made) link.close();
    else this.#opened(link);
    return link;
  }
}
