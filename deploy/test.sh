#!/usr/bin/env bash
# Passes every test: formatting, lints, the Rust suites, the web page's own, and the page in Chromium against the real
# program. `./hardshell.sh test` installs what is missing first and then runs this.
#
# As root, the suites run twice where it matters: as root, which is what shows that nothing runs as root, and as the
# ordinary user `hardshell` over a copy, because root may read and write anything and walls would seem to hold for the
# wrong reason.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

# The suites whose answers differ for root: what confines, what keeps modes, and the whole program.
readonly suites='package(sandbox) + package(vault) + package(cli)'
readonly as_a_user='(package(sandbox) - binary_id(sandbox::it)) + package(vault) + (package(cli) & test(scenarios))'
# An ordinary user's path lacks where Debian keeps servers.
export PATH="$PATH:/usr/sbin:/sbin"

readonly copy=/var/tmp/hardshell-tests

# The suites of AgentDojo are not ours to ship: `bench/agentdojo/export.py` makes them from the public package.
for place in "$PWD/bench/agentdojo/data" "$PWD/../shared/bench/agentdojo"; do
	[ -n "${HARDSHELL_BENCH_DATA:-}" ] || [ ! -f "$place/banking.json" ] || HARDSHELL_BENCH_DATA=$(realpath "$place")
done
export HARDSHELL_BENCH_DATA=${HARDSHELL_BENCH_DATA:-}

as_hardshell() { runuser -u hardshell -- env -i HOME=/nonexistent PATH="$PATH" LANG=C.UTF-8 "$@"; }

if [ "$(id -u)" = 0 ]; then
	id hardshell >/dev/null 2>&1 || useradd --system --home-dir /var/lib/hardshell --shell /usr/sbin/nologin hardshell
	# A clone below /root is closed to everybody else, and the assistant does not run as root.
	if ! as_hardshell test -r "$PWD/Cargo.toml"; then
		say "only root reads $PWD: testing a copy in $copy"
		[ ! -e "$copy" ] || [ "$(stat -c %u "$copy")" = 0 ] || { echo "could not use $copy: it belongs to somebody else" >&2; exit 1; }
		mkdir -p -m 0755 "$copy"
		# What was built there serves again; what the clone no longer has must go.
		find "$copy" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} +
		tar -c --exclude=./target --exclude=./.git . | tar -x -C "$copy"
		exec "$copy/deploy/test.sh"
	fi
fi

if ! command -v cargo-nextest >/dev/null; then
	say "installing cargo-nextest: ten minutes or so, once"
	cargo install --locked cargo-nextest
fi

say "formatting and lints"
cargo fmt --check
cargo clippy --workspace --all-targets --locked -- -D warnings

say "the Rust suites"
if [ -n "$HARDSHELL_BENCH_DATA" ]; then
	cargo nextest run --workspace --locked --no-fail-fast
else
	say "LEFT OUT: the tests of replay, for the suites of AgentDojo are not here; bench/agentdojo/README.md says how to make them"
	cargo nextest run --workspace --locked --no-fail-fast -E 'not package(replay)'
fi

if [ "$(id -u)" = 0 ]; then
	say "the suites whose answers differ for root, as the user hardshell"
	scratch=$(mktemp -d /var/tmp/hardshell-as-a-user.XXXXXX)
	trap 'rm -rf "$scratch"' EXIT
	chmod 0755 "$scratch"
	install -m 0755 "$(command -v cargo-nextest)" "$scratch/cargo-nextest"
	# The whole workspace's features, so that nothing is compiled twice.
	cargo nextest archive --workspace --locked --zstd-level 1 -E "$suites" --archive-file "$scratch/tests.tar.zst"
	chmod 0644 "$scratch/tests.tar.zst"
	mkdir -m 0700 "$scratch/own" && chown hardshell: "$scratch/own"
	as_hardshell TMPDIR="$scratch/own" "$scratch/cargo-nextest" nextest run --no-fail-fast -E "$as_a_user" \
		--archive-file "$scratch/tests.tar.zst" --workspace-remap "$PWD"
fi

say "the web page's suites"
(cd web && npm test --silent)
say "the web page in Chromium, against the real program"
deploy/test-page.sh
