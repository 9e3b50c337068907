#!/bin/sh
# Makes one executable of gate46 in dist/.
#
#   sh compile.sh [bun|deno|all] [TARGET...]
#
# Without a runtime, whichever is present. TARGET: linux-x64 linux-arm64 linux-x64-musl linux-arm64-musl darwin-x64
# darwin-arm64 windows-x64; this machine where none is named. `deno compile` fetches a denort from Deno's download host;
# DENORT_BIN names one that is here already, and DENO the deno of the same version.
set -eu
cd -- "$(dirname -- "$0")"

fail() {
  echo "compile.sh: $*" >&2
  exit 1
}

[ -d scripts/toolchain/node_modules/.bin ] && PATH=$PATH:$PWD/scripts/toolchain/node_modules/.bin
deno=${DENO:-deno}
has() { command -v "$1" >/dev/null 2>&1; }

name() { # RUNTIME TARGET
  case $2 in
    host) echo "dist/gate46-$1" ;;
    windows-*) echo "dist/gate46-$1-$2.exe" ;;
    *) echo "dist/gate46-$1-$2" ;;
  esac
}

# One file of JavaScript, away from node_modules, so that an executable holds what it runs and no more.
bundle() { # OUT
  if has bun; then bun build --target=node --minify --external 'bun:*' --outfile "$1" mod.ts >/dev/null
  else "$deno" bundle --quiet --platform deno --minify --external 'bun:*' --output "$1" mod.ts
  fi || fail "Cannot bundle mod.ts"
}

with_bun() { # TARGET
  has bun || fail "Cannot compile with bun: not found"
  out=$(name bun "$1")
  [ "$1" = host ] && target=bun || target=bun-$1
  bun build --compile --minify --target="$target" --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
    --outfile "$out" mod.ts >/dev/null || fail "Cannot compile for $1 with bun (another platform's bun has to be fetched)"
  report "$out"
}

with_deno() { # TARGET
  has "$deno" || fail "Cannot compile with deno: not found"
  out=$(name deno "$1")
  case $1 in
    host) set -- "" ;;
    linux-x64) set -- x86_64-unknown-linux-gnu ;;
    linux-arm64) set -- aarch64-unknown-linux-gnu ;;
    darwin-x64) set -- x86_64-apple-darwin ;;
    darwin-arm64) set -- aarch64-apple-darwin ;;
    windows-x64) set -- x86_64-pc-windows-msvc ;;
    *) fail "Cannot compile for $1 with deno: it has no such target" ;;
  esac
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  bundle "$work/gate46.js"
  "$deno" compile -A --unstable-net --quiet --no-check ${1:+--target "$1"} --output "$out" "$work/gate46.js" ||
    fail "Cannot compile${1:+ for $1} with deno (DENORT_BIN can name a denort that is here already)"
  report "$out"
}

report() {
  echo "$1 $(du -m "$1" | cut -f1) MiB"
}

runtimes=
case ${1:-} in
  bun | deno) runtimes=$1 && shift ;;
  all) runtimes="bun deno" && shift ;;
esac
if [ -z "$runtimes" ]; then
  has bun && runtimes=bun
  has "$deno" && runtimes="$runtimes deno"
  [ -n "$runtimes" ] || fail "Cannot find bun or deno"
fi
[ $# -gt 0 ] || set -- host
mkdir -p dist
for runtime in $runtimes; do
  for target in "$@"; do "with_$runtime" "$target"; done
done
