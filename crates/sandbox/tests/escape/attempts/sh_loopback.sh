# shows: bash reaches the loopback of the host
# stopped by: network namespace
bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT"
