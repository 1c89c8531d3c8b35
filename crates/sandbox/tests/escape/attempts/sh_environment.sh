# shows: the environment of a process outside is read
# stopped by: pid namespace
tr "\0" "\n" < "/proc/$VICTIM/environ" | grep -q DECOY
