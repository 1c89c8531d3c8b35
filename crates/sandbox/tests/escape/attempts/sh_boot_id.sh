# shows: the identity of this boot is read
# stopped by: masked /proc
test -n "$(cat /proc/sys/kernel/random/boot_id)"
