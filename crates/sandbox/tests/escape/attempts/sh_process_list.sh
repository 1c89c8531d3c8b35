# shows: ps shows a process of the host
# stopped by: pid namespace
cat /proc/[0-9]*/cmdline | grep -aq 'hardshell-[v]ictim'
