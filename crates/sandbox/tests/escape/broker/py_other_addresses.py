# shows: python reaches the loopback of the host by another address, family or kind of socket
# stopped by: one address alone is answered, of TCP over IPv4
import os, socket, sys
port = int(os.environ["PORT"])
udp = int(os.environ["UDP_PORT"])
def tcp(family, address):
    with socket.socket(family) as s:
        s.settimeout(3)
        s.connect(address)
        return s.getpeername()[1] == port
def asked():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.sendto(b"ping", ("127.0.0.1", udp))
        return s.recv(16) == b"pong"
ways = [
    lambda: tcp(socket.AF_INET, ("127.0.0.1", port)),
    lambda: tcp(socket.AF_INET, ("127.0.0.2", port)),
    lambda: tcp(socket.AF_INET, ("0.0.0.0", port)),
    lambda: tcp(socket.AF_INET6, ("::ffff:127.0.0.1", port)),
    asked,
]
reached = 0
for way in ways:
    try: reached += way()
    except OSError: pass
sys.exit(0 if reached else 1)
