# shows: the name of the host is learned
# stopped by: uts namespace
test "$(uname -n)" = "$HOST_NAME"
