# shows: a file in the host's /dev/shm is read
# stopped by: root
grep -q DECOY "$SHM_DECOY"
