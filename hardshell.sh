#!/usr/bin/env bash
# Sets Hardshell up from its source and runs it, or sets up and passes every test.
#
#   ./hardshell.sh up [ARGUMENTS]     install what is missing, build, start: open the link it prints
#   ./hardshell.sh test               install what is missing, build, run every test
#   ./hardshell.sh build              install what is missing and build target/release/hardshell
#   ./hardshell.sh run ARGUMENTS      build if needed, then run `hardshell ARGUMENTS`
set -euo pipefail
cd "$(dirname "$0")"

readonly rust_needed=1.90
readonly node_needed=20.19
readonly node_installed=22
readonly memory_per_job_kib=1400000

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() {
	printf 'could not %s\n' "$1" >&2
	[ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
	exit 1
}

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$1" ]; }

# Installs those of the named Debian packages that are missing.
packages() {
	local missing=() package
	for package in "$@"; do
		dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || fail "install ${missing[*]}: this is not a Debian system" "install them with your own package manager, then run this again"
	local line="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
	say "installing ${missing[*]}"
	if [ "$(id -u)" = 0 ]; then
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
	elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
		sudo sh -c "$line"
	else
		fail "install ${missing[*]} without root" "run this as root, then this script again: $line"
	fi
}

need_rust() {
	# shellcheck disable=SC1091
	[ ! -f "$HOME/.cargo/env" ] || . "$HOME/.cargo/env"
	if command -v cargo >/dev/null && at_least "$rust_needed" "$(rustc --version | cut -d' ' -f2)"; then return; fi
	local line="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --component rustfmt,clippy"
	say "installing Rust with rustup"
	sh -c "$line" || fail "install Rust $rust_needed or newer" "$line"
	# shellcheck disable=SC1091
	. "$HOME/.cargo/env"
}

need_node() {
	local own=$PWD/target/node
	export PATH="$own/node_modules/node/bin:$PATH"
	if command -v npm >/dev/null && command -v node >/dev/null && at_least "$node_needed" "$(node --version | tr -d v)"; then return; fi
	# Debian 12 has an older Node.js: its npm brings a newer one, for this folder alone.
	# shellcheck disable=SC2046
	command -v npm >/dev/null || packages $(deploy/packages.sh node)
	say "installing Node.js $node_installed below target/node"
	npm install --silent --no-audit --no-fund --prefix "$own" "node@$node_installed" ||
		fail "install Node.js $node_needed or newer" "see https://nodejs.org/en/download"
}

jobs_by_memory() {
	local free jobs
	free=$(awk '/MemAvailable/ {print $2}' /proc/meminfo)
	jobs=$((free / memory_per_job_kib))
	[ "$jobs" -ge 1 ] || jobs=1
	[ "$jobs" -le "$(nproc)" ] || jobs=$(nproc)
	echo "$jobs"
}

web() {
	need_node
	local stamp
	stamp=$(find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
	if [ -f web/dist/index.html ] && [ "$(cat web/dist/.stamp 2>/dev/null)" = "$stamp" ]; then return; fi
	say "building the web page"
	(cd web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build)
	printf '%s\n' "$stamp" >web/dist/.stamp
	# The page is built into the program: cargo must look again.
	touch crates/gateway/src/page.rs
}

build() {
	# shellcheck disable=SC2046
	packages $(deploy/packages.sh build)
	need_rust
	web
	say "building hardshell with $(jobs_by_memory) job(s): a few minutes the first time"
	cargo build --release --locked -p cli --bins -j "$(jobs_by_memory)"
}

tests() {
	# shellcheck disable=SC2046
	packages $(deploy/packages.sh build) $(deploy/packages.sh test)
	need_rust
	web
	exec deploy/test.sh
}

# Root never runs the assistant: the program goes where the system user hardshell can run it.
program() {
	if [ "$(id -u)" != 0 ]; then
		echo target/release/hardshell
		return
	fi
	id hardshell >/dev/null 2>&1 || useradd --system --home-dir /var/lib/hardshell --shell /usr/sbin/nologin hardshell
	install -D -m 0755 -t /usr/local/lib/hardshell target/release/hardshell target/release/hardshell-sandbox
	echo /usr/local/lib/hardshell/hardshell
}

command=${1:-help}
[ $# -eq 0 ] || shift
case "$command" in
up)
	build
	exec "$(program)" up "$@"
	;;
build) build ;;
run)
	build
	exec "$(program)" "$@"
	;;
test) tests ;;
help | -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0" ;;
*) fail "understand \`$command\`" "./hardshell.sh help" ;;
esac
