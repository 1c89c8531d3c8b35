# shows: the accounts of the host are read
# stopped by: root
grep -q "^root:" /etc/passwd
