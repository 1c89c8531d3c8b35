# shows: a bind mount takes off a cover
# stopped by: seccomp
unshare -Urm mount --bind /usr /tmp
