# shows: the devices of the host are listed
# stopped by: root
ls /sys/class/net | grep -q .
