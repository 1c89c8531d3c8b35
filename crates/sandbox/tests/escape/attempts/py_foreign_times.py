# shows: the times of a file outside are set
# stopped by: root; seccomp at landlock
import os
os.utime(os.environ["DECOY"], (1, 1))
