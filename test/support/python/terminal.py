"""Runs a command on a terminal of its own: terminal.py COMMAND ARG…, and on standard input a JSON list of steps, each
["expect", TEXT], ["send", TEXT] or ["size", COLUMNS, ROWS]. Prints what the terminal showed; exit code 1 where a text does not come."""
import fcntl, json, os, pty, select, struct, sys, termios, time

LONGEST = 30
steps = json.load(sys.stdin)
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown, seen = "", 0
for kind, *what in steps:
    if kind == "size":
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", what[1], what[0], 0, 0))
    elif kind == "send":
        os.write(terminal, what[0].encode())
    else:
        deadline = time.monotonic() + LONGEST
        while (at := shown.find(what[0], seen)) < 0:
            if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                print(shown, f"\n{what[0]!r} does not come", sep="")
                os.kill(pid, 9)
                sys.exit(1)
            try:
                shown += os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                print(shown, f"\n{what[0]!r} did not come", sep="")
                sys.exit(1)
        seen = at + len(what[0])
print(shown)
os.close(terminal)
os.waitpid(pid, 0)
