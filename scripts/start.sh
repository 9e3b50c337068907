#!/bin/sh
# Runs the gateway from source, fetching what is missing: sh scripts/start.sh [serve] [flags]
# GATE46_RUNTIME (deno or bun) says which runtime to prefer where both are present.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/runtimes.sh"
has deno || has bun || fetch_runtimes
fetch_packages
runtime=${GATE46_RUNTIME:-deno}
has "$runtime" || if has deno; then runtime=deno; else runtime=bun; fi
case $runtime in
  deno)
    exec deno run -A --quiet --node-modules-dir=manual --v8-flags=--max-semi-space-size=2 --config "$root/deno.json" \
      "$root/mod.ts" "$@"
    ;;
  bun) exec bun --no-env-file "$root/mod.ts" "$@" ;;
  *) fail "Cannot run on $runtime: GATE46_RUNTIME is deno or bun" ;;
esac
