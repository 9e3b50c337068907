/** Why a host refuses a program a network of its own, and what to change. */
export interface NoNamespaces {
  readonly state: string;
  readonly change: string;
}

const CAP_SYS_ADMIN = 21n;

/** True with CAP_SYS_ADMIN, by /proc/self/status: then no user namespace is needed. */
export function mayMakeNetworks(status: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0";
  return (BigInt(`0x${effective}`) >> CAP_SYS_ADMIN & 1n) === 1n;
}

/** Undefined if no reason is found. `read` gives the text of a file, undefined if there is none. */
export function whyNoNamespaces(read: (path: string) => string | undefined): NoNamespaces | undefined {
  const status = read("/proc/self/status") ?? "";
  if (mayMakeNetworks(status)) return undefined;
  const number = (name: string) => {
    const text = read(`/proc/sys/${name}`)?.trim();
    return text === undefined ? undefined : Number(text);
  };
  if (number("kernel/unprivileged_userns_clone") === 0) {
    return { state: "users may have no namespaces", change: "sysctl -w kernel.unprivileged_userns_clone=1" };
  }
  if (number("user/max_user_namespaces") === 0) {
    return { state: "there may be no user namespaces", change: "sysctl -w user.max_user_namespaces=10000" };
  }
  if (number("kernel/apparmor_restrict_unprivileged_userns") === 1) {
    return {
      state: "AppArmor gives users no capabilities in namespaces",
      change: "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or a profile for gate46 that has userns",
    };
  }
  if (!/^Seccomp:\s*2$/m.test(status)) return undefined;
  return {
    state: "a filter of system calls is around this process, as a container's",
    change: "start the container with --security-opt seccomp=unconfined, or with --cap-add SYS_ADMIN",
  };
}
