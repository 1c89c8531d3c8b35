# shows: the mode of a file outside is changed through a descriptor that only names it
# stopped by: root; seccomp at landlock
import os
file = os.open(os.environ["DECOY"], os.O_PATH)
os.chmod(f"/proc/self/fd/{file}", 0o640)
