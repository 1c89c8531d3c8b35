# shows: the mode of a file outside is changed by name
# stopped by: root; seccomp at landlock
import os
os.chmod(os.environ["DECOY"], 0o640)
