# shows: the command line of the kernel is read
# stopped by: masked /proc
test -n "$(cat /proc/cmdline)"
