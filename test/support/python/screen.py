"""Runs a command on a terminal of its own: `screen.py ROWS COLUMNS COMMAND…`. What it shows comes on stdout, what is typed on stdin."""
import fcntl
import os
import pty
import select
import struct
import sys
import termios

rows, columns, *command = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))
typing = True
while True:
    ready = select.select([terminal] + ([0] if typing else []), [], [])[0]
    if terminal in ready:
        try:
            shown = os.read(terminal, 65536)
        except OSError:  # EIO: the last who had it has ended
            break
        if not shown:
            break
        os.write(1, shown)
    if 0 in ready:
        typed = os.read(0, 65536)
        typing = len(typed) > 0
        os.write(terminal, typed)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
