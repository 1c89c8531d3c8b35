# shows: an attribute is put on a file outside
# stopped by: root; seccomp at landlock
import os
os.setxattr(os.environ["DECOY"], "user.planted", b"x")
os.getxattr(os.environ["DECOY"], "user.planted")
