# shows: the symbols of the kernel are read
# stopped by: masked /proc
test -n "$(head -c 64 /proc/kallsyms | tr -d "\0")"
