# shows: the priority of a process of the host is lowered
# stopped by: root; seccomp at landlock
import os
os.setpriority(os.PRIO_PROCESS, int(os.environ["VICTIM"]), 19)
