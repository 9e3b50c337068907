#!/bin/sh
# Makes all that a release consists of, from what is committed: sh scripts/release.sh [--dry-run] [FOLDER]
# FOLDER is dist/release. A dry run takes what is there, committed or not, makes executables for this machine alone, and
# compresses nothing. The time in all of it is that of the commit, so that two runs make the same octets; what a runtime
# has no download for here is left out, and said.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/runtimes.sh"
dry=
if [ "${1:-}" = --dry-run ]; then dry=1 && shift; fi
mkdir -p "${1:-$root/dist/release}"
folder=$(CDPATH='' cd -- "${1:-$root/dist/release}" && pwd)
cd "$root"

# The same version in all places where it stands; src/cli/version.ts reads that of package.json.
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
same() { # FILE VERSION
  [ "$2" = "$version" ] || fail "Cannot release: $1 says ${2:-nothing} and package.json $version"
}
same deno.json "$(sed -n 's/^  "version": "\(.*\)",$/\1/p' deno.json)"
same package-lock.json "$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package-lock.json)"
same CHANGELOG.md "$(sed -n 's/^## \([^ ]*\).*/\1/p' CHANGELOG.md | head -n 1)"
changed=$(git status --porcelain)
[ -n "$dry" ] || [ -z "$changed" ] || fail "Cannot release: something is not committed (git status)"
[ -z "$(find "$folder" -mindepth 1)" ] || fail "Cannot release into $folder: it is not empty"
has npm || fail "Cannot release: npm, which lists the packages, is not here"
fetch_runtimes
fetch_packages
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

DIST=$(mktemp -d)
trap 'rm -rf "$DIST"' EXIT
export DIST

targets='host linux-arm64 linux-x64-musl linux-arm64-musl darwin-x64 darwin-arm64 windows-x64'
[ -z "$dry" ] || targets=host
case $(uname -m) in x86_64) machine=x64 ;; *) machine=arm64 ;; esac
host=$(uname -s | tr '[:upper:]' '[:lower:]')-$machine

sh scripts/package/documents.sh "$folder"
left_out=
for target in $targets; do
  [ "$target" != host ] || set --
  [ "$target" = host ] || set -- "$target"
  for runtime in bun deno; do
    case $runtime-$target in deno-*-musl) continue ;; esac # deno compile has no such target
    code=0
    sh compile.sh "$runtime" "$@" >/dev/null || code=$?
    case $code in
      0) ;;
      3) left_out="$left_out $runtime-$target" && continue ;;
      *) fail "Cannot release: compile.sh $runtime $target failed" ;;
    esac
    made=$(echo "$DIST"/*)
    name=$(basename "$made")
    [ "$target" != host ] || name=$name-$host
    case $name in
      gate46-bun-linux-x64 | gate46-bun-linux-arm64)
        sh scripts/package/deb/build.sh "$made" "$folder" ${dry:+-Znone} >/dev/null
        if has rpmbuild; then
          deb=$(find "$folder" -newer "$made" -name '*.deb') # the one that has just been made
          sh scripts/package/rpm/build.sh "$deb" "$folder" >/dev/null 2>&1
        else echo "left out: the rpm of $name, since rpmbuild is not here" >&2; fi
        ;;
    esac
    case $name in
      gate46-bun-linux-*) sh scripts/package/tar/build.sh "$made" "$folder" "$folder" >/dev/null ;;
    esac
    mv "$made" "$folder/$name"
    [ -n "$dry" ] || xz -T0 "$folder/$name"
  done
done
sh compile.sh preload >/dev/null
cp "$DIST/gate46-preload.mjs" LICENSE scripts/gate46.example.toml scripts/gate46.schema.json "$folder"
sh scripts/package/npm/build.sh "$folder" "$folder" >/dev/null

runtimes=bun@$(bun --version)
if ls "$folder"/gate46-deno-* >/dev/null 2>&1; then
  runtimes="$runtimes deno@$("${DENO:-deno}" --version | sed -n 's/^deno \([^ ]*\).*/\1/p')"
fi
# shellcheck disable=SC2086 # a word each
npm sbom --package-lock-only --sbom-format=cyclonedx | run scripts/package/sbom.ts $runtimes \
  >"$folder/gate46-$version.cdx.json"
cat >"$folder/PROVENANCE" <<TEXT
version    $version
commit     $(git rev-parse HEAD)${changed:+, and what was not committed}
time       $(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
made with  $runtimes npm@$(npm --version) $(xz --version | sed -n 's/^xz (XZ Utils) /xz@/p') on $host
by         sh scripts/release.sh${dry:+ --dry-run}, which makes the same octets of the same commit with the same tools
TEXT
# shellcheck disable=SC2094 # find leaves out what is written
(cd "$folder" && find . -type f ! -name SHA256SUMS | sed 's|^\./||' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
(cd "$folder" && sha256sum --quiet -c SHA256SUMS)
for what in $left_out; do echo "left out: $what, whose runtime cannot be downloaded here" >&2; done
echo "$folder: $(find "$folder" -type f | wc -l) files, $(du -m -s "$folder" | cut -f 1) MB"
