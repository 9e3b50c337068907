"""Runs a command on a terminal of its own: `screen.py ROWS COLUMNS COMMAND…`. Standard output has what the terminal shows, standard
input what is typed, and descriptor 3 lines `ROWS COLUMNS`, its further sizes."""
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
    os.close(3)
    os.execvp(command[0], command)


def resize(rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))


resize(rows, columns)
inputs = [0, 3]
while True:
    ready = select.select([terminal, *inputs], [], [])[0]
    if terminal in ready:
        try:
            shown = os.read(terminal, 65536)
        except OSError:  # EIO: the last process that had it has ended
            break
        if not shown:
            break
        os.write(1, shown)
    for fd in set(inputs) & set(ready):
        came = os.read(fd, 65536)
        if not came:
            inputs.remove(fd)
        elif fd == 0:
            os.write(terminal, came)
        else:
            resize(*came.split()[-2:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
