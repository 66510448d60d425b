#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# install-deps.sh [--kernels]: what a fresh Debian 12 or 13 needs to build and test weft; with --kernels, also what the
# tests in virtual machines need. Quiet and quick when nothing is missing.
set -euo pipefail

PACKAGES=(
	gcc make clang llvm pkg-config git ca-certificates
	bpftool libbpf-dev libelf-dev zlib1g-dev
	libuv1-dev libyaml-dev libsmartcols-dev libxxhash-dev uthash-dev libmnl-dev libncurses-dev libmicrohttpd-dev libcurl4-openssl-dev
	libcriterion-dev shellcheck cppcheck
	scdoc man-db dpkg-dev debootstrap zsh systemd libclang-rt-dev
	iproute2 jq procps tmux util-linux python3 python3-yaml curl openssl
)
# What the live tests talk to. They start their own: those of the system stay off.
SERVERS=(redis-server memcached nginx)

say() { echo "install-deps: $*" >&2; }
die() { say "$*"; exit 1; }

apt() {
	local try
	for try in 1 2 3; do
		DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
			apt-get -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 "$@" </dev/null >/dev/null && return 0
		say "apt-get $1 failed (try $try of 3)"
		sleep "$try"
	done
	die "apt-get $* failed"
}

# While that file is there, no service is started by its installation.
keep_services_off() {
	local policy=/usr/sbin/policy-rc.d
	[ ! -e "$policy" ] || return 0
	# shellcheck disable=SC2064 # this one
	trap "rm -f $policy" EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

# Nor by the next boot.
disable_services() {
	! command -v systemctl >/dev/null || systemctl --quiet disable "$@" 2>/dev/null || true
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Would apt install it? (Not known to apt, or pinned away: the candidate is "(none)", or nothing is printed.)
is_to_be_had() {
	local policy
	policy=$(LC_ALL=C apt-cache policy "$1" 2>/dev/null)
	[[ $policy =~ Candidate:\ [^\(] ]]
}

# One package of Debian 13, for Debian 12: from the mirror that the system uses, everything else of that suite
# pinned out of reach.
pin_yyjson() {
	local uri key
	# shellcheck disable=SC2016 # apt-get expands these
	uri=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
		awk '$2 == "bookworm" && !uri { uri = $1 } END { print uri }')
	[ -n "$uri" ] || die "libyyjson-dev is in no configured suite, and no mirror of Debian 12 to take it from is"
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	cat >/etc/apt/sources.list.d/weft-trixie.sources <<-END
		Types: deb
		URIs: $uri
		Suites: trixie
		Components: main
		Signed-By: $key
	END
	cat >/etc/apt/preferences.d/weft <<-END
		Package: *
		Pin: release n=trixie
		Pin-Priority: -1

		Package: libyyjson-dev libyyjson0
		Pin: release n=trixie
		Pin-Priority: 500
	END
	say "libyyjson is taken from Debian 13 (pinned; nothing else is)"
	apt update
}

[ "$(id -u)" = 0 ] || die "must be run as root"
command -v apt-get >/dev/null || die "this is not Debian; install by hand: ${PACKAGES[*]} libyyjson-dev"

case ${1-} in
'') ;;
--kernels) PACKAGES+=(qemu-system-x86 cpio kmod) ;;
*) die "unknown option '$1'; there is --kernels" ;;
esac
missing=()
for package in "${PACKAGES[@]}" libyyjson-dev; do
	is_installed "$package" || missing+=("$package")
done
# Any Go will do; an own one may be newer than Debian's.
command -v go >/dev/null || is_installed golang-go || missing+=(golang-go)
new_servers=()
for package in "${SERVERS[@]}"; do
	is_installed "$package" || new_servers+=("$package")
done
# Any containerd will do, as that of docker.
command -v containerd >/dev/null || new_servers+=(containerd)
missing+=("${new_servers[@]}")
# The version that counts for the layout where there is one, else whichever: it says then why it is not used.
if ! command -v clang-format-14 >/dev/null && ! is_installed clang-format; then
	missing+=(clang-format)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

say "installing ${missing[*]}"
apt update
if ! is_to_be_had libyyjson-dev; then
	pin_yyjson
fi
if is_to_be_had clang-format-14; then
	missing=("${missing[@]/%clang-format/clang-format-14}")
fi
keep_services_off
apt install --no-install-recommends -y "${missing[@]}"
[ ${#new_servers[@]} -eq 0 ] || disable_services "${new_servers[@]}"
