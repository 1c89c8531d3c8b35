# shows: find finds a foreign file
# stopped by: root
find "$OUTSIDE" -name decoy | grep -q .
