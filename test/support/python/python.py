"""A TCP peer that shares no code with the runtimes. Commands come as lines on stdin; each is answered by one line."""
import socket
import struct
import sys

listener = peer = None


def run(verb, *words):
    global listener, peer
    if verb == "listen":
        # A backlog that is full leaves the next connect without an answer.
        listener = socket.create_server((words[0], 0), backlog=int(words[1]))
        return listener.getsockname()[1]
    if verb == "accept":
        peer = listener.accept()[0]
        return "ok"
    if verb == "connect":
        peer = socket.create_connection((words[0], int(words[1])))
        return "ok"
    if verb == "connect_and_reset":
        run("connect", *words)
        return run("reset")
    if verb == "send":
        peer.sendall(b"x" * int(words[0]))
        return "ok"
    if verb == "send_marked":  # an urgent byte behind each block
        for _ in range(int(words[0])):
            peer.sendall(b"x" * int(words[1]))
            peer.send(b"!", socket.MSG_OOB)
        return "ok"
    if verb == "urgent":
        peer.send(b"!", socket.MSG_OOB)
        return "ok"
    if verb == "finish":
        peer.shutdown(socket.SHUT_WR)
        return "ok"
    if verb == "reset":
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        return "ok"
    if verb == "hear":  # all up to the end, and how it ended
        size = 0
        try:
            while chunk := peer.recv(65536):
                size += len(chunk)
            return f"end {size}"
        except ConnectionResetError:
            return "reset"
    raise ValueError(verb)


for line in sys.stdin:
    try:
        print(run(*line.split()), flush=True)
    except OSError as error:
        print(f"error {error}", flush=True)
