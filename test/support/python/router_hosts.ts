/** Python of hosts around a router. */

/** A server at port 46, which says of TCP and of UDP who came, and how much. */
export const whoCame = (host: string) => `
import socket, socketserver, threading
class Tcp(socketserver.ThreadingTCPServer): address_family = socket.AF_INET6 if ":" in "${host}" else socket.AF_INET; allow_reuse_address = True; request_queue_size = 256
class Udp(socketserver.ThreadingUDPServer): address_family = Tcp.address_family; max_packet_size = 65535
class Say(socketserver.BaseRequestHandler):
    def handle(self):
        if isinstance(self.request, tuple): self.request[1].sendto(f"udp of ${host}, {len(self.request[0])}".encode(), self.client_address)
        else: self.request.sendall(b"tcp of ${host}\\n")
threading.Thread(target=Udp(("${host}", 46), Say).serve_forever).start()
Tcp(("${host}", 46), Say).serve_forever()
`;

/** A client of one family alone: a line for each name and way, and one for each literal; UDP has to be answered from where it was sent to. */
export const asks = (six: boolean, names: readonly string[], literals: readonly string[]) => `
import socket
family = socket.${six ? "AF_INET6" : "AF_INET"}
def tcp(address):
    with socket.socket(family) as s: s.settimeout(30); s.connect(address); return s.recv(99).decode().strip()
def udp(address, size):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(30)
        for _ in range(3): s.sendto(b"?" * size, address); said, who = s.recvfrom(99)
        return said.decode() if who[:2] == address[:2] else f"from {who}"
for name in ${JSON.stringify(names)}:
    address = socket.getaddrinfo(name, 46, family, socket.SOCK_STREAM)[0][4]
    print(name, address[0], tcp(address), udp(address, 1), udp(address, 4000), sep="|")
for host in ${JSON.stringify(literals)}:
    print(host, host, tcp((host, 46)), udp((host, 46), 1), sep="|")
`;

/** A server at port 46 that says back what it hears, to many at a time. */
export const echoes = (host: string) => `
import asyncio, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
async def echo(reader, writer):
    try:
        while said := await reader.read(65536): writer.write(said)
    except ConnectionError: pass
    writer.close()
async def main():
    server = await asyncio.start_server(echo, "${host}", 46, backlog=4096)
    await server.serve_forever()
asyncio.run(main())
`;

/** A client that asks for n0.test to n9999.test, speaks with every second of them, and ends when it is told something. */
export const asksForMany = (dns: string) => `
import asyncio, resource, socket, struct, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
def query(i):
    name = b"".join(bytes([len(label)]) + label.encode() for label in f"n{i}.test".split(".")) + b"\\0"
    return struct.pack("!HHHHHH", i, 256, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("${dns}", 53)); s.settimeout(30)
found = []
for i in range(10000): s.send(query(i)); found.append(socket.inet_ntoa(s.recv(512)[-4:]))
async def speak(host, turns):
    async with turns:
        reader, writer = await asyncio.open_connection(host, 46)
        writer.write(b"hello"); assert await reader.readexactly(5) == b"hello"
        return writer
async def main():
    turns = asyncio.Semaphore(200)
    writers = await asyncio.gather(*(speak(host, turns) for host in found[::2]))
    print(len(set(found)), len(writers), flush=True); sys.stdin.readline()
    for writer in writers: writer.close()
asyncio.run(main())
`;
