# shows: the owner of a file outside is set
# stopped by: root; seccomp at landlock
import os
os.chown(os.environ["DECOY"], -1, os.stat(os.environ["DECOY"]).st_gid)
