# shows: the limits of a process of the host are lowered
# stopped by: root; seccomp at landlock
import os, resource
resource.prlimit(int(os.environ["VICTIM"]), resource.RLIMIT_CORE, (0, 0))
