# shows: the owner of a file outside is set through a descriptor that only names it
# stopped by: root; seccomp at landlock
import ctypes, os, sys
file = os.open(os.environ["DECOY"], os.O_PATH)
sys.exit(ctypes.CDLL(None).fchownat(file, b"", -1, -1, 0x1000) != 0)
