#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# deb.sh VERSION OUT: a Debian package of what 'make install' installs, in the directory OUT.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=$1
out=$2
# Debian wants a digit first.
case $version in
[0-9]*.*) ;;
*) version=0.1.0~git.${version//-/.} ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

make -s install DESTDIR="$root" PREFIX=/usr SYSTEMD=/lib/systemd/system
install -d "$root/DEBIAN" "$root/etc/weft" "$root/usr/share/doc/weft"
install -m 0644 LICENSE "$root/usr/share/doc/weft/copyright"
gzip -9n "$root"/usr/share/man/man*/*
strip --strip-unneeded "$root/usr/sbin/weft"

# Debian 12 has no libyyjson: there the package brings it along, where the binary looks first.
own=()
if [ "$(. /etc/os-release && echo "$ID$VERSION_ID")" = debian12 ]; then
	own=(-xlibyyjson0)
	install -D -m 0644 "$(ldd "$root/usr/sbin/weft" | awk '/libyyjson/ { print $3 }')" "$root/usr/lib/weft/libyyjson.so.0"
fi

# What the binary is linked with, at the versions that it needs.
mkdir -p "$work/debian"
printf 'Source: weft\nPackage: weft\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "${own[@]}" -e root/usr/sbin/weft 2>/dev/null | sed 's/^shlibs:Depends=//')
[ -n "$depends" ] || { echo "deb.sh: dpkg-shlibdeps does not say what the binary needs" >&2; exit 1; }

cat >"$root/DEBIAN/control" <<END
Package: weft
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: weft <weft@localhost>
Section: net
Priority: optional
Depends: $depends
Recommends: iproute2, bpftool
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Description: service mesh without a proxy
 BPF programs in the kernel find a healthy endpoint for every connection between
 the pods of a node, move connects away from endpoints that fail, and carry
 bytes between pods of a node. One program loads them and keeps their maps equal
 to the services there are.
END
echo /etc/default/weft >"$root/DEBIAN/conffiles"

# The service is not started by itself: it has nothing to read yet. While it runs, an upgrade restarts it; traffic does
# not notice, as the new programs take the place of the old ones.
cat >"$root/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	[ -z "$2" ] || systemctl try-restart weft.service
fi
END
# What is loaded would stay in the kernel without anything that could take it out.
cat >"$root/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
if [ "$1" = remove ]; then
	[ ! -d /run/systemd/system ] || systemctl disable --now --quiet weft.service || true
	[ ! -d /sys/fs/bpf/weft ] || /usr/sbin/weft unload
fi
END
cat >"$root/DEBIAN/postrm" <<'END'
#!/bin/sh
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload
END
chmod 0755 "$root"/DEBIAN/p*

mkdir -p "$out"
dpkg-deb --build --root-owner-group "$root" "$out/weft_${version}_$(dpkg --print-architecture).deb" >/dev/null
echo "$out/weft_${version}_$(dpkg --print-architecture).deb"
