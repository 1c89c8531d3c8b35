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

# Installs those of the named Debian packages that are missing: as root, with sudo, or by printing the exact line.
packages() {
	if ! command -v dpkg-query >/dev/null; then
		say "this is not a Debian system; it needs what these Debian packages hold: $*"
		return 0
	fi
	local missing=() package
	for package in "$@"; do
		dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	local line="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
	if [ "$(id -u)" = 0 ]; then
		say "installing ${missing[*]}"
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
			fail "install ${missing[*]}" "$line"
	elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
		say "installing ${missing[*]} with sudo"
		sudo sh -c "DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND; $line" >/dev/null ||
			fail "install ${missing[*]} with sudo" "run this as root, then this script again: $line"
	else
		fail "install ${missing[*]} without root" "run this as root, then this script again: $line"
	fi
}

rust_is_there() {
	command -v cargo >/dev/null && command -v rustc >/dev/null &&
		at_least "$rust_needed" "$(rustc --version 2>/dev/null | cut -d' ' -f2)"
}

# Installs Rust where it is missing or too old, and with `lints` what the tests need of it besides.
need_rust() {
	# shellcheck disable=SC1091
	[ ! -f "${HOME:-/root}/.cargo/env" ] || . "${HOME:-/root}/.cargo/env"
	if ! rust_is_there; then
		local line="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --component rustfmt,clippy"
		if command -v rustup >/dev/null; then
			line="rustup toolchain install stable --profile minimal --component rustfmt,clippy && rustup default stable"
		fi
		say "installing Rust $rust_needed or newer with rustup"
		# A pipe's status is its last command's: without pipefail a failed download would look like success.
		bash -o pipefail -c "$line" || fail "install Rust $rust_needed or newer" "$line"
		# shellcheck disable=SC1091
		[ ! -f "${HOME:-/root}/.cargo/env" ] || . "${HOME:-/root}/.cargo/env"
		rust_is_there || fail "find Rust $rust_needed or newer after installing it" "$line"
	fi
	if [ "${1:-}" = lints ] && ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1; then
		command -v rustup >/dev/null || fail "find rustfmt and clippy" "install them with what installed Rust"
		say "installing rustfmt and clippy"
		rustup component add rustfmt clippy || fail "install rustfmt and clippy" "rustup component add rustfmt clippy"
	fi
}

own_node=$PWD/target/node
export PATH="$own_node/node_modules/node/bin:$PATH"

node_is_there() {
	command -v npm >/dev/null && command -v node >/dev/null && at_least "$node_needed" "$(node --version | tr -d v)"
}

# The Debian packages that bring an npm, where there is none.
node_packages() {
	command -v npm >/dev/null || deploy/packages.sh node
}

need_node() {
	if node_is_there; then return; fi
	# Debian 12 has an older Node.js: its npm brings a newer one, for this folder alone.
	say "installing Node.js $node_installed below target/node"
	npm install --silent --no-audit --no-fund --prefix "$own_node" "node@$node_installed" && node_is_there ||
		fail "install Node.js $node_needed or newer" "see https://nodejs.org/en/download"
}

# The memory that a build may use, in KiB: what is free, or what a control group (a container, a service) leaves.
memory_kib() {
	local free limit file
	free=$(awk '/MemAvailable/ {print $2}' /proc/meminfo)
	for file in /sys/fs/cgroup/memory.max "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/memory.max" \
		"/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)/memory.limit_in_bytes"; do
		limit=$(cat "$file" 2>/dev/null) || continue
		case "$limit" in '' | *[!0-9]*) continue ;; esac
		# Without a limit, version 1 says a number near 2^63.
		[ ${#limit} -lt 18 ] && [ "$((limit / 1024))" -lt "$free" ] && free=$((limit / 1024))
	done
	echo "$free"
}

jobs_by_memory() {
	local jobs
	jobs=$(($(memory_kib) / memory_per_job_kib))
	[ "$jobs" -ge 1 ] || jobs=1
	[ "$jobs" -le "$(nproc)" ] || jobs=$(nproc)
	echo "$jobs"
}

# What a folder's files are, as one line. Nothing else decides whether something is built again.
stamp_of() { find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum; }

# What the web page is built and tested with.
web_tools() {
	need_node
	local stamp
	stamp=$(stamp_of web/package.json web/package-lock.json)
	if [ -d web/node_modules ] && [ "$(cat target/web-tools.stamp 2>/dev/null)" = "$stamp" ]; then return; fi
	say "fetching what the web page is built with"
	(cd web && npm ci --no-audit --no-fund --loglevel=error) || fail "fetch what the web page is built with" "cd web && npm ci"
	mkdir -p target && printf '%s\n' "$stamp" >target/web-tools.stamp
}

web_page() {
	local stamp
	stamp=$(stamp_of web -name node_modules -prune -o -path web/dist -prune -o -path web/screenshots -prune -o)
	if [ -f web/dist/index.html ] && [ "$(cat target/web-page.stamp 2>/dev/null)" = "$stamp" ]; then return; fi
	web_tools
	say "building the web page"
	(cd web && npm run --silent build) || fail "build the web page" "cd web && npm ci && npm run build"
	mkdir -p target && printf '%s\n' "$stamp" >target/web-page.stamp
	# The page is built into the program: cargo must look again.
	touch crates/gateway/build.rs
}

build() {
	# shellcheck disable=SC2046
	packages $(deploy/packages.sh build) $(node_packages)
	need_rust
	web_page
	local jobs
	jobs=$(jobs_by_memory)
	if [ ! -x target/release/hardshell ]; then
		say "building hardshell with $jobs job(s): ten minutes or so the first time"
	fi
	cargo build --release --locked -p cli --bins -j "$jobs"
}

tests() {
	# shellcheck disable=SC2046
	packages $(deploy/packages.sh build) $(deploy/packages.sh test) $(node_packages)
	need_rust lints
	web_tools
	web_page
	# shellcheck disable=SC2155
	export CARGO_BUILD_JOBS=$(jobs_by_memory)
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
