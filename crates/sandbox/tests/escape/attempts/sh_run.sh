# shows: the services of the host are listed
# stopped by: root
ls /run | grep -q .
