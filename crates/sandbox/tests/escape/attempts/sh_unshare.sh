# shows: unshare makes a user namespace
# stopped by: seccomp
unshare -U true
