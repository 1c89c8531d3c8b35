# shows: the disk priority of a process of the host is lowered
# stopped by: root; seccomp at landlock
import ctypes, os, platform, sys
number = {"x86_64": 251, "aarch64": 30}[platform.machine()]
sys.exit(ctypes.CDLL(None).syscall(number, 1, int(os.environ["VICTIM"]), 3 << 13) != 0)
