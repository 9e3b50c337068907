#!/bin/sh
# Installs an rpm over a copy of this system that is gone afterwards, upgrades it to another and takes it away:
# unshare --mount --pid --fork --mount-proc rpm_lifecycle.sh PACKAGE NEWER FOLDER
set -eu
package=$1 newer=$2 folder=$3
mount -t tmpfs none "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" none "$folder/root"
root=$folder/root
for name in tmp run; do mount -t tmpfs none "$root/$name"; done
mount --bind /dev "$root/dev"
cp "$package" "$root/tmp/one.rpm"
cp "$newer" "$root/tmp/two.rpm"
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

inside rpm --initdb
inside rpm -i --nodeps /tmp/one.rpm
echo "installed: $(inside gate46), user $(inside getent passwd gate46 | cut -d : -f 6,7)"
echo '# mine' >>"$root/etc/gate46/gate46.toml"
inside rpm -U --nodeps /tmp/two.rpm
echo "upgraded: $(inside rpm -q gate46), $(tail -n 1 "$root/etc/gate46/gate46.toml"), user $(inside id -un gate46)"
mkdir -p "$root/var/lib/gate46"
inside rpm -e gate46 2>/dev/null
# rpm itself keeps what the administrator and the package had in the configuration.
left=$(cd "$folder/upper" && find . -name '*gate46*' -not -type c -not -path './etc/gate46' | LC_ALL=C sort | xargs)
echo "taken away, left: ${left:-nothing}; user: $(inside getent passwd gate46 || echo none)"
