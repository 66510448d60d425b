#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Makes a container image of the binary and what it is linked with: no network, no docker. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

out=
binary=
tags=()
build=build

usage() {
	cat <<-END
		usage: scripts/image.sh [--tag NAME:TAG]... [--output FILE] [--binary FILE] [--build DIR]

		Makes FILE (by default build/weft-image.tar), which 'ctr -n k8s.io images import' and 'docker load' take: the
		image NAME:TAG (by default localhost/weft:0.1.0) of the binary (by default build/weft) with exactly the libraries
		that it is linked with. The same input gives the same image; SOURCE_DATE_EPOCH is the date of everything in it
		(by default that of the last commit).
	END
}

die() {
	echo "image.sh: $*" >&2
	exit 1
}

misused() {
	echo "image.sh: $*; see 'scripts/image.sh --help'" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	-h | --help)
		usage
		exit 0
		;;
	--tag | --output | --binary | --build)
		[ $# -gt 1 ] || misused "option '$1' needs a value"
		case $1 in
		--tag) tags+=("$2") ;;
		--output) out=$2 ;;
		--binary) binary=$2 ;;
		--build) build=$2 ;;
		esac
		shift 2
		;;
	*) misused "unexpected argument '$1'" ;;
	esac
done
out=${out:-$build/weft-image.tar}
binary=${binary:-$build/weft}
[ ${#tags[@]} -gt 0 ] || tags=(localhost/weft:0.1.0)
for tag in "${tags[@]}"; do
	[[ $tag =~ ^[a-z0-9]([a-z0-9._/:-]*[a-z0-9])?:[A-Za-z0-9_][A-Za-z0-9_.-]*$ ]] || misused "'$tag' is no NAME:TAG"
done
[ -x "$binary" ] || die "there is no $binary; build it first: make"
for tool in jq ldd strip tar gzip sha256sum; do
	command -v "$tool" >/dev/null || die "$tool is missing"
done

epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
version=$("$binary" version | awk 'NR == 1 { sub(/,$/, "", $2); print $2 }')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Modes are part of the image, too.
umask 022

# ---- the file system ----

root=$work/root
mkdir -p "$root"/{usr/sbin,usr/lib,etc,proc,sys,dev,run,tmp}
chmod 1777 "$root/tmp"
ln -s usr/lib "$root/lib"
ln -s usr/sbin "$root/sbin"
strip --strip-unneeded -o "$root/usr/sbin/weft" "$binary"
chmod 0755 "$root/usr/sbin/weft"
ln -s usr/sbin/weft "$root/weft"

# Libraries and the loader, each under the path by which it is looked for; and the licence of each.
# shellcheck disable=SC2046 # a list of paths without spaces
set -- $(ldd "$binary" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' | sort -u)
[ $# -gt 0 ] || die "ldd does not say what $binary is linked with"
if ldd "$binary" | grep -F 'not found'; then
	die "libraries are missing"
fi
for path in "$@"; do
	at=$root$path
	case $path in
	/lib64/*)
		mkdir -p "$root/usr/lib64"
		[ -e "$root/lib64" ] || ln -s usr/lib64 "$root/lib64"
		at=$root/usr$path
		;;
	/lib/*) at=$root/usr$path ;;
	esac
	mkdir -p "${at%/*}"
	install -m 0644 "$(readlink -f "$path")" "$at"
	chmod 0755 "$at"
	for known in "$path" "/usr$path" "$(readlink -f "$path")" "${path#/usr}"; do
		package=$(dpkg-query -S "$known" 2>/dev/null | head -n 1 | cut -d: -f1) || true
		[ -z "$package" ] || break
	done
	if [ -n "$package" ] && [ -e "/usr/share/doc/$package/copyright" ]; then
		install -D -m 0644 "$(readlink -f "/usr/share/doc/$package/copyright")" "$root/usr/share/doc/$package/copyright"
	fi
done
install -D -m 0644 LICENSE "$root/usr/share/doc/weft/copyright"

# For 'weft top', what terminals there commonly are.
for name in xterm xterm-256color screen screen-256color tmux tmux-256color linux vt100 vt220 dumb; do
	for dir in /lib/terminfo /usr/share/terminfo; do
		[ -e "$dir/${name:0:1}/$name" ] || continue
		install -D -m 0644 "$dir/${name:0:1}/$name" "$root/usr/lib/terminfo/${name:0:1}/$name"
		break
	done
done
# As libc asks: who is root, and how names of hosts are found.
echo 'root:x:0:0:root:/:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

# ---- the image ----

# pack DIR FILE [NAME...]: nothing of the machine or of the moment gets in.
pack() {
	local dir=$1 file=$2
	shift 2
	tar -C "$dir" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --format=gnu -cf "$file" "${@:-.}"
}
digest() { sha256sum "$1" | cut -d' ' -f1; }

blobs=$work/image/blobs/sha256
mkdir -p "$blobs"
# blob FILE: moves it to where its digest is its name, and prints that.
blob() {
	local name
	name=$(digest "$1")
	mv "$1" "$blobs/$name"
	echo "$name"
}

case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) arch=$(uname -m) ;;
esac
pack "$root" "$work/layer.tar"
diff_id=$(digest "$work/layer.tar")
gzip -9n "$work/layer.tar"
layer=$(blob "$work/layer.tar.gz")
jq -cn --arg arch "$arch" --arg created "$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)" --arg diff "sha256:$diff_id" \
	--arg version "$version" '{
		created: $created, architecture: $arch, os: "linux",
		config: {
			User: "0:0", Env: ["PATH=/usr/sbin"], Entrypoint: ["/usr/sbin/weft"], Cmd: ["--help"], WorkingDir: "/",
			Labels: {
				"org.opencontainers.image.title": "weft", "org.opencontainers.image.version": $version,
				"org.opencontainers.image.licenses": "GPL-2.0-only OR BSD-2-Clause"}},
		rootfs: {type: "layers", diff_ids: [$diff]},
		history: [{created: $created, created_by: "scripts/image.sh"}]}' >"$work/config"
config_size=$(stat -c %s "$work/config")
config=$(blob "$work/config")
layer_size=$(stat -c %s "$blobs/$layer")
jq -cn --arg config "sha256:$config" --argjson config_size "$config_size" --arg layer "sha256:$layer" \
	--argjson layer_size "$layer_size" '{
		schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $config_size},
		layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $layer, size: $layer_size}]}' \
	>"$work/manifest"
manifest_size=$(stat -c %s "$work/manifest")
manifest=$(blob "$work/manifest")

# One index for whoever knows OCI (containerd), one for older docker.
echo '{"imageLayoutVersion":"1.0.0"}' >"$work/image/oci-layout"
printf '%s\n' "${tags[@]}" | jq -cRn --arg manifest "sha256:$manifest" --argjson size "$manifest_size" '{
	schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
	manifests: [inputs | {
		mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $manifest, size: $size,
		annotations: {"io.containerd.image.name": ., "org.opencontainers.image.ref.name": sub("^.*:"; "")}}]}' \
	>"$work/image/index.json"
printf '%s\n' "${tags[@]}" | jq -cRn --arg config "blobs/sha256/$config" --arg layer "blobs/sha256/$layer" \
	'[{Config: $config, RepoTags: [inputs], Layers: [$layer]}]' >"$work/image/manifest.json"
mkdir -p "$(dirname "$out")"
pack "$work/image" "$work/out" blobs index.json manifest.json oci-layout
mv "$work/out" "$out"
echo "$out: ${tags[*]} sha256:$manifest, $(stat -c %s "$out") bytes; unpacked $(du -sb "$root" | cut -f1)"
