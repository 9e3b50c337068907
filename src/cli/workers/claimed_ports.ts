import type { Config } from "../../config/config.ts";
import { refuseOpenRelay } from "../../config/contradictions.ts";
import type { ListenSpec } from "../../config/values/listen.ts";
import { listenerKey } from "../../gateway/gateway.ts";
import { isUdp } from "../../gateway/settings.ts";
import { NetError } from "../../net/error.ts";
import { addressText } from "../../protocol/address.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import type { SocketOptions } from "../../net/linux/engine/engine.ts";
import { type ClaimedPort, claimPort } from "../../net/linux/tcp_listener.ts";
import { claimUdp } from "../../net/linux/udp_claim.ts";
import { claimUnix, closeOnExec, inheritedListener } from "../../net/linux/unix_listener.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { overlaps } from "../../net/socket_addr.ts";
import type { Activation } from "../systemd/activation.ts";
import { flagOf, listenAs } from "../service/listening.ts";
import type { Listening, Purpose } from "./messages/worker_messages.ts";

/** Ports and unix sockets that workers share, by their configured address. */
export class ClaimedPorts {
  readonly #libc: Libc;
  readonly #options: SocketOptions;
  readonly #activation: Activation;
  #claimed = new Map<string, ClaimedPort>();

  constructor(libc: Libc, options: SocketOptions, activation: Activation) {
    this.#libc = libc;
    this.#options = options;
    this.#activation = activation;
    for (const descriptor of activation.all) closeOnExec(libc, descriptor);
  }

  /**
   * Claims the listeners of `config` that are not claimed yet; if `shared`, also those that another program holds. The claim
   * takes effect when applied. Rejects with NetError, and with ConfigError if it would be an open relay.
   */
  async claim(config: Pick<Config, "listen" | "unixMode" | "mayBeExposed">, shared = false): Promise<Claim> {
    const next = new Map<string, ClaimedPort>();
    const purposes = new Map<string, Purpose>();
    const release = (unlike: ReadonlyMap<string, ClaimedPort>, ports: ReadonlyMap<string, ClaimedPort>) => {
      for (const [key, port] of ports) if (unlike.get(key) !== port) port.release();
    };
    const abandon = () => release(this.#claimed, next);
    const claimOne = async (addr: SocketAddr, key: string, udp: boolean) => {
      const claimed = this.#claimed.get(key) ?? next.get(key);
      next.set(key, claimed ?? await this.#open(addr, config.unixMode, shared, udp));
    };
    try {
      for (const spec of config.listen) {
        const { tls = false, only, wayOut } = spec;
        const note = (key: string) => void purposes.set(key, { tls, only, wayOut });
        if (spec.systemd === undefined) {
          await listenAs(flagOf(spec), spec, async (addr) => {
            const key = listenerKey(addr, spec.only, purposes);
            await claimOne(addr, key, isUdp(spec.only));
            note(key);
          });
        } else {
          for (const inherited of this.#inherited(spec.systemd)) {
            refuseOpenRelay({ addr: inherited.addr, only: spec.only }, config);
            const key = addressText(inherited.addr);
            next.set(key, this.#claimed.get(key) ?? inherited);
            note(key);
          }
        }
      }
    } catch (error) {
      abandon();
      throw error;
    }
    return {
      listen: Array.from(next, ([key, { addr, descriptor }]) => ({ addr, descriptor, ...purposes.get(key)! })),
      apply: () => {
        const former = this.#claimed;
        this.#claimed = next;
        for (const [key, port] of next) if (former.get(key) !== port) port.place?.();
        release(next, former);
      },
      abandon,
    };
  }

  /** Releases all ports. */
  release(): void {
    for (const port of this.#claimed.values()) port.release();
    this.#claimed.clear();
  }

  async #open(addr: SocketAddr, mode: number, shared: boolean, udp: boolean): Promise<ClaimedPort> {
    if (addr.unix !== undefined) return await claimUnix(this.#libc, addr.unix, { mode, succeeds: shared });
    // If workers listen on an overlapping address already, the port must be shared to join them.
    const joins = Array.from(this.#claimed.values()).some((own) => overlaps(own.addr, addr));
    return udp
      ? claimUdp(this.#libc, addr, shared || joins)
      : claimPort(this.#libc, this.#options, addr, shared || joins);
  }

  /** Throws NetError if systemd has passed no socket of that name. */
  #inherited(name: NonNullable<ListenSpec["systemd"]>): readonly ClaimedPort[] {
    const what = `systemd${name === "*" ? "" : `:${name}`}`;
    const descriptors = this.#activation.descriptors(name);
    if (descriptors.length === 0) {
      throw new NetError(
        "other",
        `Cannot listen on ${what}: it has passed ${this.#activation.names.join(", ") || "no sockets"}`,
      );
    }
    return descriptors.map((descriptor) => {
      const listener = inheritedListener(this.#libc, descriptor);
      if (listener) return listener;
      throw new NetError(
        "other",
        `Cannot listen on ${what}: descriptor ${descriptor} is not a listening stream socket`,
      );
    });
  }
}

export interface Claim {
  /** Ports resolved. */
  readonly listen: readonly Listening[];
  /** Puts the claim into effect, and releases listeners no longer configured. */
  apply(): void;
  /** Releases the listeners of this claim. */
  abandon(): void;
}
