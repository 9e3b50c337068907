"""Asks for NAMES names and has CONNECTIONS connections open at a time, ROUNDS times: many.py NAMES CONNECTIONS ROUNDS. Prints how much
its parent holds after each (kB)."""
import asyncio, os, resource, socket, struct, sys

names, connections, rounds = map(int, sys.argv[1:])
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

def query(i):
    name = b"".join(bytes([len(label)]) + label for label in (f"n{i}".encode(), b"test"))
    return struct.pack("!6H", i & 0xffff, 0x100, 1, 0, 0, 0) + name + b"\0\0\1\0\1"

def ask():
    """The address of each, 100 questions at a time."""
    found = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(300)
        s.connect(("192.0.2.53", 53))
        for first in range(0, names, 100):
            for i in range(first, min(first + 100, names)): s.send(query(i))
            for _ in range(first, min(first + 100, names)):
                answer = s.recv(512)
                found[struct.unpack("!H", answer[:2])[0]] = socket.inet_ntoa(answer[-4:])
    assert len(set(found.values())) == names, len(set(found.values()))
    return found

async def hold(addresses):
    """Connections to as many names, all at once, each of which says its own."""
    turn = asyncio.Semaphore(64)
    async def open_one(i):
        async with turn:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(addresses[i], 80), 300)
            writer.write(b"%d\n" % i)
            assert await reader.readline() == b"%d\n" % i
            return reader, writer
    opened = await asyncio.gather(*[open_one(i) for i in range(connections)])
    for i, (_, writer) in enumerate(opened): writer.write(b"again %d\n" % i)
    for i, (reader, _) in enumerate(opened): assert await reader.readline() == b"again %d\n" % i
    for _, writer in opened: writer.close()
    await asyncio.gather(*[writer.wait_closed() for _, writer in opened])

def held():
    with open(f"/proc/{os.getppid()}/status") as status:
        return next(line.split()[1] for line in status if line.startswith("VmRSS"))

for _ in range(rounds):
    asyncio.run(hold(ask()))
    print(held(), flush=True)
