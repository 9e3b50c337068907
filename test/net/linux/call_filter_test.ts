import assert from "node:assert/strict";
import process from "node:process";
import { describe, test } from "node:test";
import { systemCalls as calls } from "../../../src/net/kernel/libc/system_calls.ts";
import { callFilter } from "../../../src/net/linux/seccomp/calls/call_filter.ts";

const arm = process.arch === "arm64";
const HERE = arm ? 0xc000_00b7 : 0xc000_003e, OF_32_BITS = arm ? 0x4000_0028 : 0x4000_0003;

/** What the kernel would do: it runs classic BPF over struct seccomp_data. */
function decided(number: number, args: readonly bigint[] = [], { making = false, architecture = HERE } = {}): string {
  const data = new DataView(new ArrayBuffer(64));
  data.setInt32(0, number, true);
  data.setUint32(4, architecture, true);
  args.forEach((value, i) => data.setBigUint64(16 + 8 * i, value, true));
  const filter = callFilter({ making });
  for (let at = 0, loaded = 0;; at++) {
    const [code, then, otherwise, value] = filter[at]!;
    if (code === 0x20) loaded = data.getUint32(value, true);
    else if (code === 0x15) at += loaded === value ? then : otherwise;
    else if (code === 0x35) at += loaded >= value ? then : otherwise;
    else if (code === 0x06) {
      const action = { 0x7fff: "made", 0x7fc0: "told", 0x0005: "refused" }[value >>> 16];
      return action === "refused" ? `refused with ${value & 0xffff}` : action!;
    } else assert.fail(`instruction ${at} is none of ours`);
  }
}

describe("The seccomp filter", () => {
  const somewhere = 0x7fff_0000_1000n, high = 0x7fff_0000_0000n;

  test("notifies the gateway of socket calls with an address, and allows those without one", () => {
    for (const call of [calls.sendto, calls.recvfrom]) {
      for (const address of [somewhere, high, 1n]) assert.equal(decided(call, [3n, 0n, 0n, 0n, address]), "told");
      assert.equal(decided(call, [3n, somewhere, 9n, 0n, 0n, 0n]), "made");
    }
    for (const call of [calls.connect, calls.sendmsg, calls.sendmmsg, calls.recvmsg, calls.recvmmsg]) {
      assert.equal(decided(call), "told");
    }
    for (const call of [calls.read, calls.write, calls.execve, calls.bind, calls.listen]) {
      assert.equal(decided(call), "made");
    }
  });

  test("notifies the gateway of getsockopt(SO_ERROR), and allows other options", () => {
    assert.equal(decided(calls.getsockopt, [3n, 1n, 4n]), "told");
    for (const [level, name] of [[1n, 3n], [6n, 4n], [41n, 4n]] as const) {
      assert.equal(decided(calls.getsockopt, [3n, level, name]), "made");
    }
  });

  test("notifies the gateway of socket(), bind() and listen() only if the gateway makes the sockets", () => {
    for (const [domain, what] of [[1n, "made"], [2n, "told"], [10n, "told"], [16n, "made"]] as const) {
      assert.equal(decided(calls.socket, [domain, 1n, 0n], { making: true }), what);
      assert.equal(decided(calls.socket, [domain, 1n, 0n]), "made");
    }
    for (const call of [calls.bind, calls.listen]) assert.equal(decided(call, [], { making: true }), "told");
  });

  test("refuses calls that bypass it: io_uring, MPTCP and 32-bit system calls", () => {
    assert.equal(decided(calls.io_uring_setup), "refused with 38");
    assert.equal(decided(calls.socket, [2n, 1n, 262n]), "refused with 93");
    const of32 = arm ? [283, 290, 296, 374, 425] : [102, 345, 362, 369, 370, 425];
    for (const number of of32) assert.equal(decided(number, [], { architecture: OF_32_BITS }), "refused with 38");
    assert.equal(decided(arm ? 4 : 3, [], { architecture: OF_32_BITS }), "made");
    if (!arm) assert.equal(decided(0x4000_0000 + calls.connect), "refused with 38", "x32");
  });
});
