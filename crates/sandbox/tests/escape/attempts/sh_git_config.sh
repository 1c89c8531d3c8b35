# shows: git itself sets a program to run
# stopped by: protected path
cd "$WORKSPACE" && git -c safe.directory="*" config core.fsmonitor /tmp/planted
