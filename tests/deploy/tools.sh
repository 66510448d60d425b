#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Programs for tests that Debian does not have in a small package. Each function prints the path of one, or fails; what it
# has to get it keeps in CACHE. As a program, it gets all that it is told to: tools.sh helm promtool

CACHE=${CACHE:-/var/cache/weft}
HELM_VERSION=v4.3.1

get_helm() {
	local helm=$CACHE/helm/helm
	command -v helm && return
	if [ ! -x "$helm" ]; then
		command -v go >/dev/null || return
		HOME=${HOME:-/root} GOBIN=$CACHE/helm GOFLAGS=-mod=mod go install "helm.sh/helm/v4/cmd/helm@$HELM_VERSION" \
			>/dev/null 2>&1 || return
	fi
	echo "$helm"
}

# The package is large for what else is in it: only this is taken out.
get_promtool() {
	local promtool=$CACHE/promtool work
	command -v promtool && return
	if [ ! -x "$promtool" ]; then
		work=$(mktemp -d)
		(cd "$work" && apt-get -qq download prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb |
			tar -x ./usr/bin/promtool && mkdir -p "$CACHE" && install usr/bin/promtool "$promtool") >/dev/null 2>&1
		rm -rf "$work"
		[ -x "$promtool" ] || return
	fi
	echo "$promtool"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	for name in "$@"; do "get_$name" || { echo "tools.sh: $name cannot be had" >&2; exit 1; }; done
fi
