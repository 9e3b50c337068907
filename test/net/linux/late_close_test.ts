import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { closeLate, IO_URING_SETUP } from "../../../src/net/linux/child/late_close.ts";
import { O_CLOEXEC, O_NONBLOCK } from "../../../src/net/kernel/libc/abi.ts";
import { openChildCalls } from "../../../src/net/kernel/libc/child_calls.ts";
import { EAGAIN } from "../../../src/net/kernel/libc/errno.ts";
import { libraryOpener, openKernel } from "../../../src/net/open.ts";
import { skipped } from "../../support/program/skipped.ts";

const libc = process.platform === "linux" ? await openKernel() : undefined;
const calls = libc && openChildCalls(await libraryOpener());
const ring = libc && calls ? calls.syscall(IO_URING_SETUP, 1, libc.addressOf(new Uint8Array(120).buffer), 0, 0, 0) : -1;
if (ring >= 0) libc!.close(ring);
const skip = skipped("late_close_test.ts", ring < 0 && "no io_uring");

test("closeLate() keeps a descriptor open until this process ends", { skip }, () => {
  const ends = new Int32Array(2), octet = new Uint8Array(1);
  const isOpen = () => libc!.read(ends[0]!, octet, 1) < 0 && libc!.errno() === EAGAIN;
  libc!.pipe2(ends, O_CLOEXEC | O_NONBLOCK);
  libc!.close(ends[1]!);
  assert.equal(isOpen(), false, "a pipe that nobody writes into has ended");
  libc!.close(ends[0]!);
  libc!.pipe2(ends, O_CLOEXEC | O_NONBLOCK);
  closeLate(libc!, calls!, ends[1]!);
  libc!.close(ends[1]!);
  assert.equal(isOpen(), true, "the kernel has it");
  libc!.close(ends[0]!);
});
