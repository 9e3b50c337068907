import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { createSocket } from "node:dgram";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { asNobodyInParticular, whyNoOwnNetwork } from "../../support/network/own_network.ts";
import { type Ended, type Program, programs, shell, source, start } from "../../support/program/program.ts";
import { projectRoot } from "../../support/program/runtime.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const skip = skipped("gate46 run: what programs do with sockets", whyNoOwnNetwork());

let server: Server, tcp: number, udp: number, closed: number;
const datagrams = createSocket("udp6");

before(async () => {
  server = createServer((socket) => socket.on("data", (bytes) => socket.end(bytes)).on("error", () => {}));
  await new Promise<void>((resolve) => server.listen({ host: "::1", port: 0, ipv6Only: true }, resolve));
  tcp = (server.address() as { port: number }).port;
  datagrams.on("message", (bytes, { address, port }) => datagrams.send(bytes, port, address));
  await new Promise<void>((resolve) => datagrams.bind(0, "::1", resolve));
  udp = datagrams.address().port;
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "::", resolve));
  closed = (probe.address() as { port: number }).port;
  await new Promise((resolve) => probe.close(resolve));
});
after(() => {
  server?.close();
  try {
    datagrams.close();
  } catch {
    // It was never bound.
  }
});

const folder = temporaryFolder("sockets-run");

/** Why there is no program that asks as 32-bit ones do: it exits with the errno of socketcall(2). */
function whyNo32Bits(): string | false {
  if (process.arch !== "x64") return skipped("gate46 run: programs of 32 bits", "not x64");
  const text = `int main() { int r; unsigned a[3] = {2, 1, 0};
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(102), "b"(1), "c"(a)); return -r; }`;
  writeFileSync(join(folder, "socketcall.c"), text);
  const program = join(folder, "socketcall");
  const { status } = spawnSync("gcc", ["-static", "-o", program, `${program}.c`]);
  if (status !== 0) return skipped("gate46 run: programs of 32 bits", "gcc is not here");
  return skipped(
    "gate46 run: programs of 32 bits",
    spawnSync(program).signal !== null && "the kernel has no calls of 32 bits",
  );
}

/** What a container engine's filter refuses where nobody says otherwise. */
const inContainer = [
  ...["python3", join(projectRoot, "test/support/python/refusing.py"), "ENOSYS", "clone3"],
  ...["python3", join(projectRoot, "test/support/python/refusing.py"), "EPERM", "unshare,mount,namespaces,pidfd_getfd"],
];
const ways: readonly { readonly name: string; readonly command: readonly string[] }[] = programs.flatMap((target) => [
  ...["namespace", "seccomp"].map((mode) => ({
    name: `${target.name}, ${mode}`,
    command: [...target.command, "run", `--mode=${mode}`],
  })),
  { name: `${target.name}, in a container`, command: [...inContainer, ...target.command, "run"] },
]);

function python(command: readonly string[], script: string): Promise<Ended> {
  const head = `
import errno, os, select, signal, socket, struct, sys, threading, time
def tell(*words): print(*words, flush=True)
def name(e): return errno.errorcode[e]
four = socket.getaddrinfo("six.test", ${tcp}, socket.AF_INET, socket.SOCK_STREAM)[0][4][:2]
six = socket.getaddrinfo("six.test", ${tcp}, socket.AF_INET6, socket.SOCK_STREAM)[0][4][:2]
closed = (four[0], ${closed})
`;
  return shell([...asNobodyInParticular, ...command, "--host", "six.test=::1", "--", "python3", "-c", head + script]);
}

for (const { name, command } of ways) {
  describe(`gate46 run: socket calls of programs, ${name}`, { skip }, () => {
    test("a non-blocking connect() reports its result or its error once, as the kernel does", async () => {
      const { stdout, stderr } = await python(
        command,
        `
def ask(to, family=socket.AF_INET, before=False):
    s = socket.socket(family); s.setblocking(False); e = select.epoll()
    if before: e.register(s, select.EPOLLOUT | select.EPOLLET)
    first = s.connect_ex(to)
    if not before: e.register(s, select.EPOLLOUT | select.EPOLLET)
    events = 0
    while not events & select.EPOLLOUT: events = e.poll(30)[0][1]
    return s, name(first), s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
for to, family in ((four, socket.AF_INET), (six, socket.AF_INET6)):
    for before in (False, True):
        s, first, then = ask(to, family, before); s.send(b"octets")
        select.select([s], [], [], 30); tell(first, then, s.recv(9), s.getpeername()[:2] == to[:2])
s, first, then = ask(closed); tell(first, name(then), s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
s, first, then = ask(("198.18.99.99", 80)); tell(first, name(then))
s = socket.socket(); s.setblocking(False); s.connect_ex(four); e = select.epoll(); e.register(s, select.EPOLLOUT)
while not e.poll(30)[0][1] & select.EPOLLOUT: pass
tell(s.connect_ex(four), name(s.connect_ex(four)))
s = socket.socket(); s.settimeout(30); tell(name(s.connect_ex(closed))); s = socket.socket(); tell(name(s.connect_ex(closed)), name(s.connect_ex(closed)))
tell(s.connect_ex(four)); s.send(b"again"); tell(s.recv(9))
`,
      );
      assert.equal(
        stdout,
        [
          ...Array(4).fill("EINPROGRESS 0 b'octets' True"),
          "EINPROGRESS ECONNREFUSED 0",
          "EINPROGRESS EHOSTUNREACH",
          "0 EISCONN",
          "ECONNREFUSED",
          "ECONNREFUSED ECONNREFUSED",
          "0",
          "b'again'",
          "",
        ].join("\n"),
        stderr,
      );
    });

    test("options, bound port and duplicates of a socket stay valid, and 100 threads connect at once", async () => {
      const { stdout, stderr } = await python(
        command,
        `
s = socket.socket(); s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1); s.bind(("", 0)); port = s.getsockname()[1]
twin = s.dup(); s.connect(four); twin.send(b"by a duplicate")
tell(s.recv(99), s.getsockname()[1] == port, s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0)
def one(i):
    with socket.create_connection(four if i % 2 else six, 30) as s: s.send(b"%d" % i); got[i] = s.recv(9) == b"%d" % i
got = {}; all = [threading.Thread(target=one, args=(i,)) for i in range(100)]
for t in all: t.start()
for t in all: t.join()
tell(sum(got.values()))
pid = os.fork()
if pid == 0: one(1); os._exit(0 if got[1] else 1)
tell(os.waitpid(pid, 0)[1])
l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind(("127.0.0.1", 0)); l.listen(); c = socket.create_connection(l.getsockname()); a, who = l.accept(); tell(who == c.getsockname(), a.getpeername() == who)
l.close(); l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind(c.getpeername()); l.listen(); tell("bound again")
`,
      );
      const lines = ["b'by a duplicate' True True", "100", "0", "True True", "bound again", ""];
      assert.equal(stdout, lines.join("\n"), stderr);
    });

    test("every call for datagrams works, connected or not, and gives the source address", async () => {
      const { stdout, stderr } = await python(
        command,
        `
to4, to6 = (four[0], ${udp}), (six[0], ${udp})
for family, to in ((socket.AF_INET, to4), (socket.AF_INET6, to6), (socket.AF_INET6, ("::ffff:" + four[0], ${udp}))):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.sendto(b"one", to); data, who = s.recvfrom(99); tell(data, who[:2] == to)
    s.sendmsg([b"t", b"w", b"o"], [], 0, to); data, _, flags, who = s.recvmsg(2, 99); tell(data, flags == socket.MSG_TRUNC, who[:2] == to)
    s.connect(to); s.send(b"three"); data, who = s.recvfrom(99); tell(data, who[:2] == to, s.getpeername()[:2] == to)
    s = socket.socket(family, socket.SOCK_DGRAM); s.setblocking(False)
    try: s.recvfrom(9)
    except BlockingIOError: tell("nothing")
    s.sendto(b"four", to); select.select([s], [], [], 30); tell(s.recvfrom(99)[0])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 1000))
try: s.recvfrom(9)
except BlockingIOError: tell("in time")
l = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); l.bind(("127.0.0.1", 0)); s.sendto(b"own", l.getsockname()); data, who = l.recvfrom(9); tell(data, who == ("127.0.0.1", s.getsockname()[1]))
a, b = socket.socketpair(); a.sendmsg([b"unix"]); tell(b.recvmsg(9)[0])
`,
      );
      const each = ["b'one' True", "b'tw' True True", "b'three' True True", "nothing", "b'four'"];
      const lines = [...each, ...each, ...each, "in time", "b'own' True", "b'unix'", ""];
      assert.equal(stdout, lines.join("\n"), stderr);
    });

    test("a signal interrupts a wait for a connection, and sockets outlive the thread that made them", async () => {
      const { stdout, stderr } = await python(
        command,
        `
class Late(Exception): pass
def late(*_): raise Late
signal.signal(signal.SIGALRM, late)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 0)); signal.setitimer(signal.ITIMER_REAL, 0.05)
try: s.recvfrom(9)
except Late: tell("told of the signal")
s.sendto(b"later", (four[0], ${udp})); tell(s.recvfrom(9)[0])
signal.signal(signal.SIGALRM, lambda *_: None); signal.siginterrupt(signal.SIGALRM, False); signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for i in range(20):
    with socket.create_connection(four, 30) as c: c.send(b"x"); c.recv(1)
    with socket.socket() as c: c.connect(four); c.send(b"x"); c.recv(1)
tell("among signals")
`,
      );
      assert.equal(stdout, ["told of the signal", "b'later'", "among signals", ""].join("\n"), stderr);
    });
  });
}

const answered = ways.filter(({ name }) => !name.endsWith(", namespace"));

describe("gate46 run: a blocking connect() gives the program a direct connection to a remote gateway", { skip }, () => {
  let gateway: Program, greeter: Server;
  before(async () => {
    greeter = createServer((socket) => {
      socket.write("who greets first\n");
      socket.on("data", (bytes) => socket.write(bytes)).on("error", () => {});
    });
    await new Promise<void>((resolve) => greeter.listen({ host: "::1", port: 0, ipv6Only: true }, resolve));
    const allowed = ["--allow=::1", "--host=six.test=::1"];
    gateway = await start(source, ["--listen=127.0.0.1:0", "--admin=off", ...allowed]);
  });
  after(async () => {
    greeter?.close();
    await gateway?.stop();
  });

  for (const { name, command } of answered) {
    test(name, async () => {
      const via = `--via=socks5://127.0.0.1:${gateway.addrs[0]!.port}`;
      const { port } = greeter.address() as { port: number };
      const { stdout, stderr } = await python(
        [...command, via],
        `
def greeted(family):
    s = socket.socket(family); s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1); twin = s.dup()
    s.connect((four[0] if family == socket.AF_INET else six[0], ${port})); return s, twin
late = []
for family in (socket.AF_INET, socket.AF_INET6):
    s, twin = greeted(family)
    timer = threading.Timer(30, lambda: (late.append("late"), os.kill(os.getppid(), signal.SIGCONT))); timer.daemon = True; timer.start()
    os.kill(os.getppid(), signal.SIGSTOP); s.send(b"while it is stopped"); said = b""
    while not said.endswith(b"stopped"): said += twin.recv(99)
    os.kill(os.getppid(), signal.SIGCONT); timer.cancel()
    tell(said, late, s.getblocking(), s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0, s.getpeername()[1] == ${port})
s = socket.socket(); tell(name(s.connect_ex(closed)), name(s.connect_ex(("198.18.99.99", 80))), s.connect_ex((four[0], ${port})), s.recv(3))
got = []
def one():
    s, _ = greeted(socket.AF_INET); got.append(s.recv(3) == b"who")
all = [threading.Thread(target=one) for _ in range(50)]
for t in all: t.start()
for t in all: t.join()
tell(sum(got))
s = socket.socket(); s.setblocking(False); s.connect_ex((four[0], ${port})); select.select([], [s], [], 30); s.setblocking(True); tell(s.recv(3))
`,
      );
      const said = "b'who greets first\\nwhile it is stopped' [] True True True";
      assert.equal(stdout, [said, said, "ECONNREFUSED EHOSTUNREACH 0 b'who'", "50", "b'who'", ""].join("\n"), stderr);
    });
  }
});

for (const { name, command } of answered) {
  describe(`gate46 run: traffic outside the supervisor, ${name}`, { skip }, () => {
    test("is impossible or fails", async () => {
      const { stdout, stderr } = await python(
        command,
        `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def attempt(what, *args):
    try: return what(*args)
    except OSError as e: return name(e.errno)
tell(attempt(socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136).sendto, b"udp-lite", ("192.0.2.1", 80)))
tell(attempt(socket.socket().sendto, b"fast open", 0x20000000, four))
tell(attempt(socket.socket, socket.AF_INET, socket.SOCK_STREAM, 262))
tell(libc.syscall(425, 8, ctypes.create_string_buffer(120)), name(ctypes.get_errno()))
tell(attempt(socket.socket(socket.AF_UNIX).connect, "/run/nscd/socket"))
`,
      );
      const lines = ["ENETUNREACH", "ENOTSUP", "EPROTONOSUPPORT", "-1 ENOSYS", "ENOENT", ""];
      assert.equal(stdout, lines.join("\n"), stderr);
    });

    test("fails after the supervisor is killed, also in a waiting call", async () => {
      const { stdout, stderr } = await python(
        command,
        `
def attempt(what, *args):
    try: what(*args); tell("got out")
    except OSError as e: tell(name(e.errno))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("", 0)); s = socket.socket(); v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
waiting = threading.Thread(target=attempt, args=(u.recvfrom, 9)); waiting.start()
os.kill(os.getppid(), signal.SIGKILL); waiting.join()
attempt(s.connect, ("127.0.0.1", ${tcp})); attempt(v.sendto, b"x", ("127.0.0.1", ${udp})); attempt(v.sendmsg, [b"x"], [], 0, ("127.0.0.1", ${udp}))
`,
      );
      assert.equal(stdout, "ENOSYS\n".repeat(4), stderr);
    });
  });
}

test("gate46 run --mode seccomp: a 32-bit program cannot open sockets", { skip: skip || whyNo32Bits() }, async () => {
  const { code } = await shell([...source.command, "run", "--mode=seccomp", "--", join(folder, "socketcall")]);
  assert.equal(code, 38, "ENOSYS");
});

describe("gate46 run without permission for namespaces", { skip }, () => {
  const without = (refused: string) => [
    ...asNobodyInParticular,
    ...["python3", join(projectRoot, "test/support/python/refusing.py"), "EPERM", refused],
  ];

  test("the supervisor answers system calls, and logs the reason", async () => {
    const refusing =
      'echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all "$@"';
    const { stderr, stdout } = await shell([
      ...asNobodyInParticular,
      ...["unshare", "-Ur", "sh", "-c", refusing, "sh", ...source.command, "run", "--verbose", "echo", "ran"],
    ]);
    assert.equal(stdout, "ran\n");
    assert.match(
      stderr,
      /system calls of the network answered; Cannot have a network .* there may be no user namespaces/,
    );
  });

  test("the supervisor answers system calls also where namespaces have no capabilities, as with AppArmor", async () => {
    const { stderr, stdout } = await shell([
      ...without("packets"),
      ...[...source.command, "run", "--verbose", "echo", "ran"],
    ]);
    assert.equal(stdout, "ran\n");
    assert.match(stderr, /system calls of the network answered; Cannot have a network for a program/);
  });

  test("--mode namespace is an error in one line, with the reason and the correction", async () => {
    const refusing =
      'echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all "$@"';
    const { stderr, stdout, code } = await shell([
      ...asNobodyInParticular,
      ...["unshare", "-Ur", "sh", "-c", refusing, "sh", ...source.command, "run", "--mode=namespace", "echo", "ran"],
    ]);
    assert.deepEqual([stderr, stdout, code], [
      "gate46: Cannot have a network for a program: there may be no user namespaces; " +
      "sysctl -w user.max_user_namespaces=10000\n",
      "",
      1,
    ]);
  });

  test("without seccomp notification too, the error is one line, with the reasons and the corrections", async () => {
    const { stderr, stdout, code } = await shell([
      ...without("unshare,namespaces,process_vm_readv"),
      ...[...source.command, "run", "echo", "ran"],
    ]);
    assert.deepEqual([stderr, stdout, code], [
      "gate46: Cannot have a network for a program: a filter of system calls is around this process, as a container's; " +
      "start the container with --security-opt seccomp=unconfined, or with --cap-add SYS_ADMIN. " +
      "Cannot hear the system calls of a program: a filter around this process refuses process_vm_readv; " +
      "start the container with --cap-add SYS_PTRACE\n",
      "",
      1,
    ]);
  });

  test("an unknown mode is refused", async () => {
    const { stderr, code } = await shell([...source.command, "run", "--mode=magic", "echo", "ran"]);
    assert.equal(code, 2);
    assert.match(stderr, /'magic' is invalid. Allowed choices are auto, namespace, seccomp/);
  });
});
