#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# image.sh OUT: an initramfs with the build, its tests and the programs and libraries that they need.
# image.sh OUT KERNEL-DIR: the kernel's modules for it, as a second archive to put behind the first.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

PROGRAMS=(bash ip tc nsenter unshare jq bpftool mount umount awk sed grep find sort uniq comm head tail cut tr cat ls
	mkdir rm rmdir mv cp ln sleep date seq wc mktemp timeout env dirname basename readlink realpath touch tee
	xargs ps sysctl modprobe dmesg poweroff stat id mkfifo chmod kill expr sh nproc uname cmp diff od sync
	printf true false test setsid flock setpriv mountpoint paste)

# A program or library at its own path, with the libraries that the loader will want.
add() {
	local file=$1 lib
	[ ! -e "$root$file" ] || return 0
	mkdir -p "$root$(dirname "$file")"
	cp -L "$file" "$root$file"
	while read -r lib; do
		add "$lib"
	done < <(ldd "$file" 2>/dev/null | sed -nE 's/.*[[:space:]](\/[^ ]+) \(0x.*/\1/p')
}

pack() {
	(cd "$root" && find . | cpio -o -H newc --quiet) | gzip -1 >"$out.new"
	mv "$out.new" "$out"
}

if [ $# -gt 1 ]; then
	version=$(basename "$2"/modules/*)
	for module in drivers/net/veth net/802 net/llc net/bridge net/ipv6 net/sched/sch_ingress net/sched/cls_bpf \
		lib crypto/crc32c; do
		find "$2/modules/$version/kernel/$module"* -name '*.ko*' 2>/dev/null || true
	done | while read -r module; do
		mkdir -p "$root/lib/modules/$version/$(dirname "${module#*/modules/"$version"/}")"
		cp "$module" "$root/lib/modules/$version/${module#*/modules/"$version"/}"
	done
	depmod -b "$root" "$version" 2>/dev/null
	pack
	exit
fi

mkdir -p "$root"/{proc,sys,dev,run,tmp,etc,root,usr/sbin,usr/bin,sbin,bin}
for program in "${PROGRAMS[@]}"; do
	path=$(PATH=$PATH:/usr/sbin:/sbin type -P "$program") || continue
	add "$(realpath "$path")"
	[ -e "$root/usr/bin/$program" ] || ln -s "$(realpath "$path")" "$root/usr/bin/$program"
done
[ -e "$root/bin/bash" ] || ln -s /usr/bin/bash "$root/bin/bash"
[ -e "$root/bin/sh" ] || ln -s /usr/bin/bash "$root/bin/sh"
mkdir -p "$root/weft/build" "$root/weft/tests"
for file in build/weft build/bpf_tests build/live/* build/kernels/*; do
	[ -f "$file" ] || continue
	add "$PWD/$file"
	mkdir -p "$root/weft/$(dirname "$file")"
	mv "$root$PWD/$file" "$root/weft/$file"
done
cp -r tests/live tests/kernels "$root/weft/tests/"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
cp tests/kernels/init "$root/init"
chmod +x "$root/init"
pack
