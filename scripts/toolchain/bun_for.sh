#!/bin/sh
# Prints the path of the bun that executables for another target are made of: sh scripts/toolchain/bun_for.sh TARGET
# It comes from the npm registry, has to be what package-lock.json says, and is kept in .tools/bun.
set -eu
toolchain=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tools=${GATE46_TOOLS:-$toolchain/../../.tools}/bun

fail() {
  echo "bun_for.sh: $*" >&2
  exit 1
}

name=@oven/bun-$(echo "$1" | sed 's/arm64/aarch64/')
locked() { # FIELD of the package in the lock
  sed -n "/\"node_modules\/$(echo "$name" | sed 's/\//\\\//')\": {/,/}/s/^ *\"$1\": \"\(.*\)\",*$/\1/p" \
    "$toolchain/package-lock.json"
}
version=$(locked version)
[ -n "$version" ] || fail "Cannot find a bun for $1: package-lock.json has no $name"
[ "$version" = "$(bun --version)" ] || fail "Cannot use the bun for $1: it is $version, and bun here is $(bun --version)"

kept=$tools/$1-$version
case $1 in windows-*) bun=$kept/bun.exe ;; *) bun=$kept/bun ;; esac
if [ ! -f "$bun" ]; then
  mkdir -p "$tools"
  work=$(mktemp -d "$tools/XXXXXX")
  trap 'rm -rf "$work"' EXIT
  echo "Fetching $name $version" >&2
  npm pack --silent --pack-destination "$work" "$name@$version" >/dev/null || fail "Cannot download $name@$version"
  found=sha512-$(openssl dgst -sha512 -binary "$work"/*.tgz | openssl base64 -A)
  [ "$found" = "$(locked integrity)" ] || fail "Cannot use $name@$version: its integrity is $found, not what is locked"
  tar xzf "$work"/*.tgz -C "$work"
  rm -rf "$kept"
  mv "$work/package/bin" "$kept"
fi
echo "$bun"
