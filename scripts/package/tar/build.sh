#!/bin/sh
# Makes a tarball with install.sh for systems that have neither dpkg nor a package of gate46, as Fedora, Arch and Alpine:
# sh scripts/package/tar/build.sh EXECUTABLE [FOLDER [DOCUMENTS]]
# DOCUMENTS is a folder that scripts/package/documents.sh has filled. An executable for musl is for Alpine.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
[ $# -gt 0 ] || { sed -n 's/^# //; 2,3p' "$0" >&2 && exit 2; }
executable=$1 folder=${2:-dist}
case $(readelf -h "$executable" 2>/dev/null | sed -n 's/^ *Machine: *//p') in
  *X86-64*) machine=x86_64 ;;
  AArch64) machine=aarch64 ;;
  *) echo "build.sh: Cannot package $executable: it is for neither x86-64 nor arm64" >&2 && exit 1 ;;
esac
libc=
readelf -dW "$executable" | grep -q 'NEEDED.*musl' && libc=-musl
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/package.json")
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=gate46-$version-linux-$machine$libc
tree=$work/$name
mkdir -p "$tree/systemd" "$tree/openrc" "$tree/grafana" "$tree/prometheus" "$tree/auth"
documents=${3:-$work/documents}
[ $# -ge 3 ] || sh "$root/scripts/package/documents.sh" "$documents"
cp "$executable" "$tree/gate46"
for document in gate46.1 gate46.bash gate46.fish _gate46 gate46.notices.txt; do cp "$documents/$document" "$tree"; done
cp "$root/LICENSE" "$root/README.md" "$root/scripts/gate46.schema.json" "$root/scripts/gate46.example.toml" \
  "$root/scripts/package/deb/gate46.toml" "$root/scripts/package/tar/install.sh" "$tree"
cp "$root"/scripts/deploy/systemd/* "$tree/systemd"
cp "$root/scripts/package/tar/gate46.openrc" "$tree/openrc/gate46"
cp "$root/scripts/deploy/grafana/gate46.json" "$tree/grafana"
cp "$root/scripts/deploy/prometheus/alerts.yml" "$tree/prometheus"
cp "$root"/scripts/deploy/auth/* "$tree/auth"
chmod -R u=rwX,go=rX "$tree"
mkdir -p "$folder"
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" |
  gzip -6n >"$folder/$name.tar.gz"
echo "$folder/$name.tar.gz, $(($(wc -c <"$folder/$name.tar.gz") / 1000000)) MB"
