# shows: python reaches the loopback of the host
# stopped by: network namespace
import os, socket
socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), 2)
