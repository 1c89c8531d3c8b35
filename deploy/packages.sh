#!/bin/sh
# The Debian packages that Hardshell needs, in one place: README, the set-up script, CI and the Dockerfile all ask here.
# Usage: deploy/packages.sh build|test
#   build  what compiles the program and the web page
#   test   what the test suite starts besides: a browser, other sandboxes to compare with, interpreters, tracers
set -eu

build="ca-certificates curl gcc git libc6-dev make pkg-config"
node="nodejs npm"
test="bubblewrap chromium file jq psmisc python3 python3-pip python3-venv strace tar"

case "${1:-}" in
build) echo $build ;;
node) echo $node ;;
test) echo $test ;;
*)
	echo "usage: deploy/packages.sh build|node|test" >&2
	exit 2
	;;
esac
