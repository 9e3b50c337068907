"""Runs a command whose standard error nobody reads: unread.py pipe|socket|terminal COMMAND..."""

import fcntl
import os
import socket
import sys

F_SETPIPE_SZ = 1031
kind, *command = sys.argv[1:]
if kind == "pipe":
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
elif kind == "socket":
    ends = socket.socketpair()
    ends[1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    reader, writer = [end.detach() for end in ends]
else:
    reader, writer = os.openpty()
os.dup2(writer, 2)
os.set_inheritable(reader, True)  # it stays open as long as the command runs
os.execvp(command[0], command)
