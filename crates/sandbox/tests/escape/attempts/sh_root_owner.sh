# shows: a file belongs to root of the kernel
# stopped by: id map
# outside: root
test "$(stat -c %u /proc/self/)" -eq 0 || test "$(awk '{print $2}' /proc/self/uid_map)" = "$(id -u)"
