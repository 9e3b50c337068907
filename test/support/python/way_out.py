"""By which address a gateway leaves: CONNECT, UDP ASSOCIATE and BIND between a client and a server, each in its namespace.

usage: CLIENT_NAMESPACE GATEWAY SERVER_NAMESPACE SERVER USER:PORT... Prints in JSON, for each, what the server saw.
"""
import ctypes
import ipaddress
import json
import socket
import struct
import sys

CLONE_NEWNET = 0x40000000
client_namespace, gateway, server_namespace, server, *ways = sys.argv[1:]


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


def exactly(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError(f"{len(data)} of {size} octets")
        data += part
    return data


def ask(user, port, command, host, to):
    connection = socket_in(client_namespace, gateway, socket.SOCK_STREAM)
    connection.connect((gateway, port))
    connection.sendall(b"\x05\x01\x02\x01" + bytes([len(user)]) + user.encode() + b"\x02pw")
    assert exactly(connection, 4) == b"\x05\x02\x01\x00"
    connection.sendall(bytes([5, command, 0]) + address(host, to))
    head = exactly(connection, 4)
    if head[1] != 0:
        raise OSError(f"reply {head[1]:02}")
    size = 4 if head[3] == 1 else 16
    bound = exactly(connection, size + 2)
    return connection, (str(ipaddress.ip_address(bound[:size])), struct.unpack("!H", bound[size:])[0])


def connect(user, port):
    there = socket_in(server_namespace, server, socket.SOCK_STREAM)
    there.bind((server, 0))
    there.listen()
    here, bound = ask(user, port, 1, server, there.getsockname()[1])
    accepted, peer = there.accept()
    assert bound == peer[:2], f"{bound} is told and {peer} is seen"
    here.sendall(b"up")
    accepted.sendall(exactly(accepted, 2)[::-1])
    assert exactly(here, 2) == b"pu"
    return peer[0]


def associate(user, port):
    control, relay = ask(user, port, 3, "::" if ":" in gateway else "0.0.0.0", 0)
    here = socket_in(client_namespace, gateway, socket.SOCK_DGRAM)
    there = socket_in(server_namespace, server, socket.SOCK_DGRAM)
    there.bind((server, 0))
    seen = set()
    for _ in range(2):
        here.sendto(b"\x00\x00\x00" + address(server, there.getsockname()[1]) + b"ping", relay)
        data, peer = there.recvfrom(100)
        seen.add(peer[0])
        there.sendto(data, peer)
        assert here.recv(100).endswith(b"ping")
    [one] = seen
    return one


def bind(user, port):
    control, bound = ask(user, port, 2, server, 0)
    peer = socket_in(server_namespace, server, socket.SOCK_STREAM)
    peer.connect(bound)
    head = exactly(control, 4)
    assert head[1] == 0
    return bound[0]


print(json.dumps([
    [command(user, int(port)) for command in (connect, associate, bind)]
    for user, port in (way.split(":") for way in ways)
]))
