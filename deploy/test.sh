#!/usr/bin/env bash
# Passes every test: formatting, lints, the Rust suites, the web page's own, and the page in Chromium against the real
# program. `./hardshell.sh test` installs what is missing first and then runs this. As root, what must not run as root
# (the assistant itself) runs as the system user `hardshell` over a copy.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

if ! command -v cargo-nextest >/dev/null; then
	say "installing cargo-nextest"
	cargo install --locked cargo-nextest
fi

say "formatting and lints"
cargo fmt --check
cargo clippy --workspace --all-targets --locked -- -D warnings

say "the Rust suites"
cargo nextest run --workspace --locked --no-fail-fast

say "the web page's suites"
(cd web && npm test --silent)
say "the web page in Chromium, against the real program"
deploy/test-page.sh
