# shows: a process of the host is held to one processor
# stopped by: root; seccomp at landlock
import os
os.sched_setaffinity(int(os.environ["VICTIM"]), {0})
