# shows: a process of the host is put behind all others
# stopped by: root; seccomp at landlock
import os
os.sched_setscheduler(int(os.environ["VICTIM"]), os.SCHED_IDLE, os.sched_param(0))
