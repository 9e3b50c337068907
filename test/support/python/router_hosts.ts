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
