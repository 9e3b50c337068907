#!/bin/sh
# Runs the gateway from source, fetching what is missing: sh scripts/start.sh [serve] [flags]
set -eu
. "$(dirname -- "$0")/runtimes.sh"
has deno || has bun || fetch_runtimes
fetch_packages
if has deno; then exec deno run -A --quiet --config "$root/deno.json" "$root/mod.ts" "$@"; fi
exec bun --no-env-file "$root/mod.ts" "$@"
