# shows: python reaches a socket file of the host
# stopped by: root
import os, socket
socket.socket(socket.AF_UNIX).connect(os.environ["SOCKET"])
