#!/bin/sh
# Makes executables of gate46 in dist/, or in DIST: gate46-bun and gate46-deno for this machine, gate46-bun-TARGET for another;
# or gate46.js, the whole program in one file for either runtime (`bun gate46.js`, `deno run -A gate46.js`); or
# gate46-preload.mjs, which socksifies programs of Deno, Bun and Node.js; or gate46-library.js, the program and what mod.ts exports.
#
#   sh compile.sh [bun|deno|all] [TARGET...]
#   sh compile.sh js|preload|library
#
# Without a runtime, whichever is present. TARGET: linux-x64 linux-arm64 linux-x64-musl linux-arm64-musl darwin-x64
# darwin-arm64 windows-x64. `deno compile` downloads a denort: for this machine, DENORT_BIN can name one that is here
# already, and DENO the deno of its version. Another target's bun comes from the npm registry, or is downloaded too.
# Exits with 1 when something cannot be made, 2 on wrong arguments, 3 when nothing is wrong but a download that failed.
# shellcheck disable=SC2317 # with_bun and with_deno are called by what $runtime says
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$root"
. scripts/runtimes.sh
dist=${DIST:-dist}

# The project's name of a target, and Deno's; Bun's is the project's with bun- before it.
targets='
linux-x64 x86_64-unknown-linux-gnu
linux-arm64 aarch64-unknown-linux-gnu
linux-x64-musl
linux-arm64-musl
darwin-x64 x86_64-apple-darwin
darwin-arm64 aarch64-apple-darwin
windows-x64 x86_64-pc-windows-msvc
'

output() { # RUNTIME TARGET
  case $2 in
    host) echo "$dist/gate46-$1" ;;
    windows-*) echo "$dist/gate46-$1-$2.exe" ;;
    *) echo "$dist/gate46-$1-$2" ;;
  esac
}

# Runs a compiler; a failure is one line, after the compiler's own words unless those only tell of a download.
attempt() { # WHAT OUT COMMAND...
  what=$1 out=$2
  shift 2
  "$@" >"$work/log" 2>&1 && [ -f "$out" ] && return
  if grep -qiE 'failed to download|error sending request' "$work/log"; then
    echo "compile.sh: Cannot $what: Cannot download what it needs" >&2
    return 3
  fi
  cat "$work/log" >&2
  echo "compile.sh: Cannot $what" >&2
  return 1
}

# Makes an executable, and runs it where it is for this machine. Says how much of it is the RUNTIME, where that is here.
compile() { # OUT TARGET RUNTIME COMMAND...
  executable=$1 target=$2 base=$3
  shift 3
  rm -f "$executable"
  attempt "make $executable" "$executable" "$@" || return
  if [ "$target" = host ] && ! "$executable" --version >/dev/null 2>&1; then
    rm -f "$executable"
    echo "compile.sh: Cannot make $executable: it does not run${DENORT_BIN:+; is DENORT_BIN of the version of $deno?}" >&2
    return 1
  fi
  echo "$executable, $(megabytes "$executable") MB${base:+, of which the runtime is $(megabytes "$base")}"
}

megabytes() { # FILE
  awk -v octets="$(wc -c <"$1")" 'BEGIN { printf "%.1f", octets / 1e6 }'
}

# An executable of Bun reads .env and bunfig.toml from the current directory unless told not to. With bytecode it is
# larger by 4 MB, and starts in a third of the time: the program and each worker need not parse it all. In parts, as
# --splitting makes it, each loads only what it runs: three quarters of that time, and 7 MB less memory.
with_bun() { # TARGET
  if [ "$1" = host ]; then platform=bun base=$(bun -p process.execPath) other=
  else platform=bun-$1 base=$(sh scripts/toolchain/bun_for.sh "$1") other=$base || :
  fi
  compile "$(output bun "$1")" "$1" "$base" bun build --compile --minify --bytecode --splitting --format=esm \
    --target="$platform" ${other:+--compile-executable-path "$other"} \
    --no-compile-autoload-dotenv --no-compile-autoload-bunfig --outfile "$(output bun "$1")" src/cli/executable.ts
}

# An executable of Deno holds all of node_modules unless it is given a bundle; and it keeps compiled code in the shared
# temporary directory, under a name that anyone can guess, unless told not to. The bundle is in parts: a thread parses
# only what it runs, which spares 50 ms of CPU time at the start, and 30 MB of memory.
# A session leaves little garbage: a young generation of 2 MiB costs no speed and spares a third of the memory.
# --expose-gc: what a reload leaves behind is collected.
with_deno() { # TARGET
  platform=$(echo "$targets" | sed -n "s/^$1 //p")
  if [ "$1" != host ] && [ -z "$platform" ]; then
    echo "compile.sh: Cannot make $(output deno "$1"): deno compile has no such target" >&2
    return 1
  fi
  parts || return
  (
    [ "$1" = host ] || unset DENORT_BIN # which is for this machine
    compile "$(output deno "$1")" "$1" "${DENORT_BIN:-}" "$deno" compile -A --unstable-net --no-check --no-config \
      --no-code-cache --v8-flags=--max-semi-space-size=2,--expose-gc \
      ${platform:+--target "$platform"} --output "$(output deno "$1")" "$work/parts/executable.js"
  )
}

# Times of the parts are always the same, since an executable of Deno holds them.
parts() {
  [ -d "$work/parts" ] && return
  bundled parts src/cli/executable.ts "$work/parts/executable.js" --minify &&
    find "$work/parts" -type f -exec env TZ=UTC touch -t 202601010000 {} +
}

# OUT alone, or as parts OUT and what it loads when it needs it, beside it.
bundled() { # file|parts ENTRY OUT [FLAG...]
  form=$1 entry=$2 out=$3
  shift 3
  if has bun; then
    if [ "$form" = parts ]; then set -- --splitting --outdir "${out%/*}" "$@"; else set -- --outfile "$out" "$@"; fi
    set -- bun build --target=node "$@"
  else
    if [ "$form" = parts ]; then set -- --code-splitting --outdir "${out%/*}" "$@"; else set -- --output "$out" "$@"; fi
    set -- "$deno" bundle --node-modules-dir=manual --platform deno "$@"
    has deno && shift && set -- deno "$@" # DENO may be an old one
  fi
  attempt "bundle $entry" "$out" "$@" --external='bun:*' "$entry"
}

# One file for all three runtimes, not minified: an uncaught exception of Node.js shows the line it comes from.
preload() {
  made=$dist/gate46-preload.mjs
  rm -f "$made"
  bundled file src/sockslib/socksify/preload.ts "$work/preload.mjs"
  grep -v '^// node_modules/' "$work/preload.mjs" >"$made" # where packages lie differs by who installed them
  echo "$made, $(($(wc -c <"$made") / 1000)) kB"
}

library() {
  bundled file mod.ts "$dist/gate46-library.js" --minify
}

script() {
  rm -f "$dist/gate46.js"
  bundled file src/cli/executable.ts "$dist/gate46.js" --minify
  echo "$dist/gate46.js, $(($(wc -c <"$dist/gate46.js") / 1000)) kB"
}

runtimes=
case ${1:-} in
  bun | deno) runtimes=$1 && shift ;;
  all) runtimes="bun deno" && shift ;;
  js | preload | library) runtimes=$1 && shift ;;
esac
known=$(echo "$targets" | cut -d ' ' -f 1 | tr -s '\n' ' ')
for target in "$@"; do
  case "$known" in
    *" $target "*) ;;
    *)
      echo "compile.sh: Cannot make '$target': it takes js, preload, library, or [bun|deno|all] [TARGET...], TARGET one of$known" >&2
      exit 2
      ;;
  esac
done
[ $# -gt 0 ] || set -- host

deno=${DENO:-deno}
if [ -z "$runtimes" ]; then
  has bun || has "$deno" || fetch_runtimes
  has bun && runtimes=bun
  has "$deno" && runtimes="$runtimes deno"
fi
case $runtimes in
  js | preload | library) has bun || has deno || fetch_runtimes ;;
esac
for runtime in $runtimes; do
  case $runtime in
    js | preload | library) continue ;;
  esac
  [ "$runtime" = deno ] && runtime=$deno
  has "$runtime" || fetch_runtimes
  has "$runtime" || fail "Cannot find $runtime"
done
fetch_packages

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$dist"
case $runtimes in
  js) script; exit ;;
  preload) preload; exit ;;
  library) library; exit ;;
esac
status=0
for runtime in $runtimes; do
  for target in "$@"; do
    "with_$runtime" "$target" || { code=$? && [ "$status" -eq 1 ] || status=$code; }
  done
done
exit "$status"
