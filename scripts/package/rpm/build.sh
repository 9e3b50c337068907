#!/bin/sh
# Makes an rpm of a Debian package of gate46, by rpmbuild: sh scripts/package/rpm/build.sh PACKAGE.deb [FOLDER]
# It has the same files and the same description; Debian has rpmbuild in its package rpm.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
[ $# -gt 0 ] || { sed -n 's/^# //; 2,3p' "$0" >&2 && exit 2; }
mkdir -p "${2:-dist}"
deb=$1 folder=$(CDPATH='' cd -- "${2:-dist}" && pwd)
field() { dpkg-deb -f "$deb" "$1"; }
case $(field Architecture) in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; esac
version=$(field Version)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
dpkg-deb -x "$deb" "$tree"
# Which are Debian's own.
rm -rf "$tree/usr/share/lintian" "$tree"/usr/share/doc/gate46/changelog*
mv "$tree/usr/share/zsh/vendor-completions" "$tree/usr/share/zsh/site-functions"
{
  sed "s/@VERSION@/${version%-*}/; s/@RELEASE@/${version##*-}/; s/@SUMMARY@/$(field Description | head -n 1)/
    s/@LIBC@/$(field Depends | sed -n 's/.*libc6 (>= \([0-9.]*\)).*/\1/p')/" "$here/gate46.spec"
  echo '%description'
  field Description | sed '1d; s/^ //; s/^\.$//'
  echo '%files'
  (cd "$tree" && find . -type f -name 'gate46.toml' -path './etc/*' -printf '%%config(noreplace) %P\n' -o -type f -printf '%P\n') |
    sed 's|^%config(noreplace) |&/|; /^%config/!s|^|/|' | LC_ALL=C sort
} >"$work/gate46.spec"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)} \
  rpmbuild -bb --quiet --target "$machine" --define "_topdir $work" --define "_rpmdir $folder" --define "tree $tree" \
  --define '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' --define 'use_source_date_epoch_as_buildtime 1' \
  --define '_build_id_links none' --define '_buildhost gate46' --define '__os_install_post %{nil}' --define '_binary_payload w1.gzdio' "$work/gate46.spec" >&2
made=$folder/gate46-${version%-*}-${version##*-}.$machine.rpm
echo "$made, $(($(wc -c <"$made") / 1000000)) MB"
