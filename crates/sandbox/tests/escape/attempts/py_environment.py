# shows: python reads the environment of a process outside
# stopped by: pid namespace
import os, sys
sys.exit(0 if b"DECOY" in open(f"/proc/{os.environ['VICTIM']}/environ", "rb").read() else 1)
