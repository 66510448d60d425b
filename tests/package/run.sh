#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The Debian package in a fresh system made by debootstrap: installed, used, upgraded, removed. Prints a PASS or FAIL
# line for each. The fresh system is kept below /var/cache/weft.
# shellcheck disable=SC2317 # the steps are called by name
set -euo pipefail
cd "$(dirname "$0")/../.."

# All mounts and processes are in namespaces of its own, and end with them.
[ "${PACKAGE_INNER-}" = 1 ] ||
	PACKAGE_INNER=1 exec setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$0" "$@"

CACHE=${CACHE:-/var/cache/weft}
OWN=weft-package-$$-$RANDOM
failed=0

die() {
	echo "FAIL package/$*"
	exit 1
}

work=$(mktemp -d)
root=$work/root
cgroup2=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
[ -n "$cgroup2" ] || die "no cgroup2 is mounted"

cleanup() {
	umount -R "$root/sys" "$root/proc" "$root/dev" 2>/dev/null || true
	rmdir "$cgroup2/$OWN" 2>/dev/null || true
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT

# step OWN COMMAND...: a line for it, and what it printed if it failed
step() {
	local name=$1 status=0
	shift
	# Not as a condition: there a command that fails ends nothing.
	set +e
	(set -ex; "$@") >"$work/log" 2>&1
	status=$?
	set -e
	if [ "$status" = 0 ]; then
		echo "PASS package/$name"
	else
		echo "FAIL package/$name"
		tail -n 40 "$work/log" | sed 's/^/    /'
		failed=1
	fi
}

# ---- the system ----

suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
base=$CACHE/root-$suite.tar

make_base() {
	local mirror
	# shellcheck disable=SC2016 # apt-get expands these
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
		awk -v suite="$suite" '$2 == suite && !uri { uri = $1 } END { print uri }')
	debootstrap --variant=minbase "$suite" "$work/base" "$mirror"
	mkdir -p "$CACHE"
	tar -C "$work/base" -cf "$base.new" .
	mv "$base.new" "$base"
	rm -rf "$work/base"
}

unpack() {
	[ -s "$base" ] || make_base
	mkdir "$root"
	tar -C "$root" -xf "$base"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	mount -t proc proc "$root/proc"
	mount --bind /dev "$root/dev"
	mount -t sysfs sysfs "$root/sys"
	mount -t bpf weft-package "$root/sys/fs/bpf"
	mount --bind "$cgroup2" "$root/sys/fs/cgroup"
	mkdir "$cgroup2/$OWN"
}

# In a network of its own, where weft may do what it likes.
inside() { unshare --net chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

apt_inside() { chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive apt-get -qq -y "$@" </dev/null; }

# ---- the packages ----

# Two versions of it
make_packages() {
	local version
	cp -a build "$work/build"
	rm -f "$work"/build/*.deb
	for version in 1.0.1 1.0.2; do
		# All else is as it was built.
		rm -f "$work"/build/{user/cmd/version.o,libweft.a,weft}
		make -s deb O="$work/build" VERSION="$version"
	done
	mkdir "$root/packages"
	mv "$work"/build/weft_*.deb "$root/packages/"
}

# As it is called inside
package() { (cd "$root" && echo packages/weft_"$1"_*.deb | sed 's|^|/|'); }

install_first() {
	apt_inside install --no-install-recommends "$(package 1.0.1)"
	[ "$(inside weft version | head -n 1 | grep -o '1\.0\.[0-9]')" = 1.0.1 ]
	[ -s "$root/usr/share/man/man8/weft.8.gz" ]
	[ -s "$root/usr/share/bash-completion/completions/weft" ]
}

loads() {
	inside weft load --cgroup "/sys/fs/cgroup/$OWN"
	[ -e "$root/sys/fs/bpf/weft/services" ]
	inside weft get stats >/dev/null
}

# What is loaded stays loaded, and what the operator wrote stays written.
upgrades() {
	echo 'WEFT_OPTIONS="--verbose"' >"$root/etc/default/weft"
	apt_inside -o Dpkg::Options::=--force-confold install --no-install-recommends "$(package 1.0.2)"
	[ "$(inside weft version | head -n 1 | grep -o '1\.0\.[0-9]')" = 1.0.2 ]
	grep -q verbose "$root/etc/default/weft"
	[ -e "$root/sys/fs/bpf/weft/services" ]
	inside weft get stats >/dev/null
}

# With the package goes all that it loaded, and all its files but the operator's.
removes() {
	chroot "$root" dpkg -L weft >"$work/files"
	apt_inside remove weft
	[ ! -e "$root/sys/fs/bpf/weft" ]
	[ -e "$root/etc/default/weft" ]
	apt_inside purge weft
	[ ! -e "$root/etc/default/weft" ]
	while read -r file; do
		[ -d "$root$file" ] || [ ! -e "$root$file" ] || { echo "$file is left"; return 1; }
	done <"$work/files"
	[ -z "$(find "$root/sys/fs/bpf" -mindepth 1 -name '*weft*')" ]
}

step system unpack
step packages make_packages
step installs install_first
step loads loads
step upgrades upgrades
step removes removes
exit "$failed"
