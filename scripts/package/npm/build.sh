#!/bin/sh
# Makes the npm package, gate46-VERSION.tgz: sh scripts/package/npm/build.sh [FOLDER [DOCUMENTS]]
# DOCUMENTS is a folder that scripts/package/documents.sh has filled. The package holds the program and the library in one file, with all packages that it needs, and the library's types. `npm publish
# FILE` publishes it. The time in it is always the same.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/scripts/runtimes.sh"
mkdir -p "${1:-$root/dist}"
folder=$(CDPATH='' cd -- "${1:-$root/dist}" && pwd)
cd "$root"
fetch_runtimes
fetch_packages

work=$(mktemp -d)
config=.deno.pack.json # beside deno.json, where Deno looks for the packages
trap 'rm -rf "$work" "$root/$config"' EXIT
tree=$work/package
mkdir "$tree"
DIST=$work sh compile.sh library >/dev/null
{ # Bun where there is one: Node.js runs the library alone
  echo '#!/usr/bin/env bun'
  cat "$work/gate46-library.js"
} >"$tree/gate46.js"
chmod 755 "$tree/gate46.js"

# Deno writes the type declarations of mod.ts's exports.
sed 's/"nodeModulesDir": "auto"/"nodeModulesDir": "manual"/' deno.json >"$config"
deno pack --quiet --allow-dirty --no-source-maps --config "$config" --output "$work/types.tgz" >"$work/log" 2>&1 ||
  { cat "$work/log" >&2 && fail "Cannot write the types of mod.ts"; }
mkdir "$work/types" "$tree/types"
tar -xzf "$work/types.tgz" -C "$work/types" --strip-components=1
(cd "$work/types" && find . -name '*.d.ts' -exec tar -cf - {} +) | tar -xf - -C "$tree/types"

documents=${2:-$work/documents}
[ $# -ge 2 ] || sh scripts/package/documents.sh "$documents"
cp README.md LICENSE scripts/gate46.schema.json scripts/gate46.example.toml "$documents/gate46.1" \
  "$documents/gate46.notices.txt" "$tree"
run scripts/package/npm/manifest.ts >"$tree/package.json"
find "$tree" -exec touch -t 202601010000 {} +
pack() {
  if has npm; then npm pack --silent --pack-destination "$folder"; else bun pm pack --quiet --destination "$folder"; fi
}
(cd "$tree" && pack) >"$work/name"
made=$folder/$(basename "$(tail -n 1 "$work/name")")
echo "$made, $(($(wc -c <"$made") / 1000)) kB"
