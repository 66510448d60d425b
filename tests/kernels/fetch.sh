#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# fetch.sh VERSION: a distribution's kernel, unpacked. Prints its directory (vmlinuz, modules/). Packages are kept
# outside the tree; the system's own sources are not touched.
set -euo pipefail

CACHE=${WEFT_KERNELS:-/var/cache/weft/kernels}
version=$1

# The suites that hold them; Debian's names do not change.
case $version in
5.10) suite=bullseye ;;
6.1) suite=bookworm ;;
6.12) suite=trixie ;;
7.3) suite=trixie-backports ;;
*)
	echo "fetch: no suite is known for kernel $version; there are 5.10, 6.1, 6.12 and 7.3" >&2
	exit 2
	;;
esac

dir=$CACHE/$version
if [ -s "$dir/vmlinuz" ]; then
	echo "$dir"
	exit 0
fi

# The mirror that this system uses.
mirror=${WEFT_MIRROR:-$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' | grep -v security | head -n 1)}
[ -n "$mirror" ] || { echo "fetch: apt has no source to take a mirror from" >&2; exit 1; }

work=$CACHE/.$version.$$
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial,unpacked}
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
apt=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
	-o Dir::Etc::preferencesparts=/dev/null -o Dir::Etc::preferences=/dev/null
	-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o Dir::State::status=/dev/null
	-o APT::Sandbox::User=root -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30)

echo "fetch: kernel $version from $suite" >&2
# Old suites are past their date; what is signed is still what was signed.
apt-get "${apt[@]}" -qq -o Acquire::Check-Valid-Until=false update >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	echo "fetch: the lists of $suite cannot be had" >&2
	exit 1
}
# apt reports a source that is away as a warning and goes on with nothing.
package=$(apt-cache "${apt[@]}" depends linux-image-cloud-amd64 2>/dev/null |
	sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
case $package in
linux-image-"$version"[.-]*) ;;
*)
	cat "$work/log" >&2
	echo "fetch: $suite has no kernel $version (it offers '${package:-nothing}')" >&2
	exit 1
	;;
esac
# Newer packages are split: the image itself and the modules stand in packages that it depends on.
mapfile -t parts < <(apt-cache "${apt[@]}" depends "$package" 2>/dev/null |
	sed -nE 's/^ *Depends: (linux-(binary|modules)-[0-9].*)/\1/p')
(cd "$work" && apt-get "${apt[@]}" -qq download "$package" "${parts[@]}") >>"$work/log" 2>&1 || {
	cat "$work/log" >&2
	echo "fetch: $package cannot be had" >&2
	exit 1
}
for deb in "$work"/*.deb; do
	dpkg-deb -x "$deb" "$work/unpacked"
done
mkdir "$work/done"
mv "$(find "$work/unpacked" -name 'vmlinuz*' -type f | head -n 1)" "$work/done/vmlinuz"
# Debian 13 keeps modules below /usr.
mv "$(find "$work/unpacked" -type d -path '*/lib/modules' | head -n 1)" "$work/done/modules"
echo "$package" >"$work/done/package"
rm -rf "$dir"
mv "$work/done" "$dir"
echo "$dir"
