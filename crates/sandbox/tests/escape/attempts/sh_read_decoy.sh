# shows: cat reads a foreign file
# stopped by: root
cat "$DECOY" | grep -q DECOY
