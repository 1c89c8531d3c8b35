# shows: a hook is copied into the repository
# stopped by: protected path
cd "$WORKSPACE" && cp /bin/true .git/hooks/post-checkout
