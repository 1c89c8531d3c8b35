# shows: python walks the whole tree for a decoy
# stopped by: root
import os, sys
for folder, _, names in os.walk(os.environ["OUTSIDE"]):
    if "decoy" in names:
        sys.exit(0)
sys.exit(1)
