#!/usr/bin/env bash
# The web page in Chromium: first against a strict gateway of its own tests, then against the real program, started on a
# fresh home and a free port and stopped afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
chmod 0755 "$scratch"
program=$scratch/hardshell
[ -f web/dist/index.html ] || (cd web && npm run --silent build)
[ -x target/debug/hardshell ] && [ -x target/debug/hardshell-sandbox ] || cargo build --workspace --all-targets --locked
install -m 0755 -t "$scratch" target/debug/hardshell target/debug/hardshell-sandbox
if [ "$(id -u)" = 0 ]; then
	id hardshell >/dev/null 2>&1 || useradd --system --home-dir /var/lib/hardshell --shell /usr/sbin/nologin hardshell
fi

"$program" up --home "$scratch/home" --port 0 --json >"$scratch/up.json" 2>"$scratch/up.log" &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; rm -rf "$scratch"' EXIT
for _ in $(seq 1 300); do
	[ -s "$scratch/up.json" ] && break
	kill -0 "$pid" 2>/dev/null || { cat "$scratch/up.log" >&2; exit 1; }
	sleep 0.1
done
link=$(jq -r .link "$scratch/up.json")
[ -n "$link" ] || { cat "$scratch/up.log" >&2; exit 1; }

cd web
# The page is built already, and stays the one that is in the program.
npx vitest run --config vitest.browser.config.ts
HARDSHELL_URL=${link%%/#*} HARDSHELL_LINK=$link npm run --silent test:real
