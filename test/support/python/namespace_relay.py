"""A SOCKS5 client and its peer, each in a network namespace of its own: BIND or UDP ASSOCIATE from start to end.

usage: COMMAND CLIENT_NAMESPACE GATEWAY SERVER_NAMESPACE SERVER. Prints what was seen, in JSON.
"""
import ctypes
import ipaddress
import json
import os
import socket
import struct
import sys

CLONE_NEWNET = 0x40000000
command, client_namespace, gateway, server_namespace, server = sys.argv[1:]


def socket_in(namespace, host, kind):
    """A socket belongs to the namespace that its thread was in when it was made."""
    with open(f"/run/netns/{namespace}") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    made.settimeout(15)
    return made


def address(host, port):
    packed = ipaddress.ip_address(host).packed
    return bytes([1 if len(packed) == 4 else 4]) + packed + struct.pack("!H", port)


def parse_address(data):
    size = 4 if data[0] == 1 else 16
    return str(ipaddress.ip_address(data[1 : 1 + size])), struct.unpack("!H", data[1 + size : 3 + size])[0], data[3 + size :]


def exactly(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError(f"{len(data)} of {size} octets")
        data += part
    return data


def read_reply(connection):
    head = exactly(connection, 4)
    if head[1] != 0:
        raise OSError(f"reply {head[1]:02}")
    return parse_address(head[3:] + exactly(connection, 6 if head[3] == 1 else 18))[:2]


control = socket_in(client_namespace, gateway, socket.SOCK_STREAM)
control.connect((gateway, 1080))
control.sendall(b"\x05\x01\x02\x01\x03ann\x02pw")
assert exactly(control, 4) == b"\x05\x02\x01\x00"

if command == "bind":
    control.sendall(b"\x05\x02\x00" + address(server, 0))
    bound = read_reply(control)
    peer = socket_in(server_namespace, server, socket.SOCK_STREAM)
    peer.connect(bound)
    told = read_reply(control) == peer.getsockname()[:2]
    up, down = os.urandom(300_000), os.urandom(300_000)
    peer.sendall(down[:1000])
    control.sendall(up[:1000])
    ok = exactly(peer, 1000) == up[:1000] and exactly(control, 1000) == down[:1000]
    control.shutdown(socket.SHUT_WR)
    ok = ok and peer.recv(1) == b""
    peer.sendall(down)
    peer.close()
    ok = ok and exactly(control, len(down)) == down and control.recv(1) == b""
    print(json.dumps({"bound": bound[0], "told": told, "whole": ok}))
else:
    control.sendall(b"\x05\x03\x00" + address("::" if ":" in gateway else "0.0.0.0", 0))
    relay = read_reply(control)
    here = socket_in(client_namespace, gateway, socket.SOCK_DGRAM)
    there = socket_in(server_namespace, server, socket.SOCK_DGRAM)
    there.bind((server, 0))
    port = there.getsockname()[1]
    whole, seen, sources = [], set(), set()
    for size in (0, 1, 1200, 1400, 9000, 60000):
        payload = os.urandom(size)
        here.sendto(b"\x00\x00\x00" + address(server, port) + payload, relay)
        data, came_from = there.recvfrom(65536)
        seen.add(came_from[0])
        there.sendto(data[::-1], came_from)
        answer = here.recv(65536)
        source, source_port, echoed = parse_address(answer[3:])
        sources.add((source, source_port == port))
        whole.append(data == payload and echoed == payload[::-1])
    print(json.dumps({"relay": relay[0], "seen": sorted(seen), "sources": sorted(sources), "whole": all(whole)}))
