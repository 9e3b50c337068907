#!/bin/sh
# Installs a Debian package over a copy of this system that is gone afterwards, and has it live its life there:
# unshare --mount --net --pid --fork --mount-proc deb_lifecycle.sh PACKAGE FOLDER
# Prints what it has seen, a line each.
set -eu
package=$1 folder=$2

mount -t tmpfs none "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root" "$folder/newer"
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" none "$folder/root"
root=$folder/root
mount -t proc none "$root/proc"
mount -t tmpfs none "$root/dev"
for device in null zero random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs none "$root/run"
mount -t tmpfs none "$root/tmp"
ip link set lo up
# Without a way out it would say that it is not ready.
ip link add uplink type veth peer name internet
ip address add 192.0.2.1/24 dev uplink
ip address add 2001:db8::1/64 dev uplink nodad
for name in uplink internet; do ip link set "$name" up; done
ip route add default via 192.0.2.2
ip route add default via 2001:db8::2
cp "$package" "$root/root/gate46.deb"

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }

# Waits until the program has said so.
said() { # PATTERN
  i=0
  until grep -q "$1" "$folder/log"; do
    i=$((i + 1))
    if [ "$i" -gt 600 ]; then cat "$folder/log" && exit 1; fi
    sleep 0.1
  done
}

# As the unit would: its user, no capability, nothing to write to, until stopped. Seccomp and the rest want systemd.
start() {
  inside systemd-analyze verify /usr/lib/systemd/system/gate46.service
  command=$(sed -n 's/^ExecStart=//p' "$root/usr/lib/systemd/system/gate46.service")
  user=$(sed -n 's/^User=//p' "$root/usr/lib/systemd/system/gate46.service")
  : >"$folder/log"
  # shellcheck disable=SC2016,SC2086 # the command is words
  unshare --mount sh -c 'mount -o remount,bind,ro "$1" && exec chroot "$@"' sh "$root" \
    env -i PATH=/usr/bin:/bin setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs --bounding-set=-all \
    --inh-caps=-all $command 2>"$folder/log" &
  service=$!
  said 'listening on \[::1\]:1080'
}

stop() {
  kill -TERM "$service"
  wait "$service"
}

# The listener is no destination, so that its refusal (reply 02) says that the gateway talks SOCKS.
talks() {
  python3 - "$1" <<'PYTHON'
import socket, sys
client = socket.create_connection((sys.argv[1], 1080), 30)
client.sendall(b"\5\1\0")
assert client.recv(2) == b"\5\0"
client.sendall(b"\5\1\0\1\x7f\0\0\1\4\x38")
assert client.recv(10)[:2] == b"\5\2"
PYTHON
}

inside dpkg -i /root/gate46.deb >"$folder/dpkg" 2>&1 || { cat "$folder/dpkg" && exit 1; }
inside dpkg --verify gate46
inside gate46 --version >/dev/null
inside gate46 check /etc/gate46/gate46.toml
[ -h "$root/etc/systemd/system/multi-user.target.wants/gate46.service" ] &&
  echo "enabled, with the user $(inside getent passwd gate46 | cut -d : -f 6,7)"
echo "man: $(inside sh -c 'zcat /usr/share/man/man1/gate46.1.gz | groff -man -Tutf8 -P-c | grep -c SIGHUP')"

start
talks 127.0.0.1
talks ::1
for _ in 1 2 3 4 5 6 7 8 9 10; do
  health=$(inside gate46 healthcheck)
  [ "$health" = "ready, 0 sessions" ] && break # who has talked may just be leaving
done
echo "$health"
kill -HUP "$service"
said reloaded
stop
echo "served as $user, reloaded and stopped: $(tail -n 1 "$folder/log" | cut -d ' ' -f 2-)"

# A newer package whose own file has changed too, as has the administrator's.
echo 'log_level = "debug"' >>"$root/etc/gate46/gate46.toml"
dpkg-deb -R "$package" "$folder/newer"
sed -i 's/^Version: .*/Version: 99.0.0-1/' "$folder/newer/DEBIAN/control"
echo '# newer' >>"$folder/newer/etc/gate46/gate46.toml"
dpkg-deb -Znone -b "$folder/newer" "$root/root/newer.deb" >/dev/null
inside dpkg --force-confdef --force-confold -i /root/newer.deb >"$folder/dpkg" 2>&1 || { cat "$folder/dpkg" && exit 1; }
echo "upgraded to $(inside dpkg -s gate46 | sed -n 's/^Version: //p'), $(tail -n 1 "$root/etc/gate46/gate46.toml")"
start
talks 127.0.0.1
stop

inside dpkg -r gate46 >/dev/null 2>&1
[ ! -e "$root/usr/bin/gate46" ] && [ -e "$root/etc/gate46/gate46.toml" ] && echo "removed, and gate46.toml stays"
inside dpkg -P gate46 >/dev/null 2>&1
# But for what others keep of all packages: dpkg's log, and man-db's pages.
left=$(cd "$folder/upper" && find . -name '*gate46*' -not -type c -not -path './root/*' -not -path './var/log/*' \
  -not -path './var/cache/man/*')
echo "purged, left: ${left:-nothing}; user: $(inside getent passwd gate46 || echo none)"
