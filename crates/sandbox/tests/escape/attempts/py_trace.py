# shows: python traces a process outside
# stopped by: seccomp
import ctypes, os, sys
libc = ctypes.CDLL(None)
victim = int(os.environ["VICTIM"])
sys.exit(0 if libc.ptrace(0x4206, victim, 0, 0) == 0 and libc.ptrace(17, victim, 0, 0) in (0, -1) else 1)
