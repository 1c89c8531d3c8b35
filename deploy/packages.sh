#!/bin/sh
# The Debian packages that Hardshell needs, in one place: README, the set-up script, CI and the Dockerfile all ask here.
# Usage: deploy/packages.sh build|node|run|test|vm
#   build  what compiles the program and the web page
#   node   what brings a Node.js where there is none
#   run    what the finished program uses: the time zones, and whom TLS trusts for the programs in its sandbox
#   vm     what deploy/test-vm.sh makes and starts a whole machine with
#   test   what the test suite starts besides: a browser, other sandboxes to compare with, interpreters, tracers, a log server
set -eu

build="ca-certificates curl gcc git libc6-dev make pkg-config"
node="nodejs npm"
run="ca-certificates tzdata"
vm="e2fsprogs mmdebstrap qemu-system-x86"
test="bubblewrap chromium file gawk jq libfaketime procps psmisc python3 python3-pip python3-venv ripgrep rsyslog rsyslog-gnutls strace systemd tar util-linux"

case "${1:-}" in
build) echo $build ;;
node) echo $node ;;
run) echo $run ;;
test) echo $test ;;
vm) echo $vm ;;
*)
	echo "usage: deploy/packages.sh build|node|run|test|vm" >&2
	exit 2
	;;
esac
