# shows: a file in the host's /tmp is read
# stopped by: root
grep -q DECOY "$TMP_DECOY"
