#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# tests/kubernetes/build.sh: builds a real control plane with the Go compiler from published modules, into a cache
# outside the tree (CACHE, /var/cache/weft/kubernetes): about ten minutes the first time, nothing later. Two at a time
# wait for each other. Status 77 and the reason where it cannot be had.
set -euo pipefail

KUBERNETES=${KUBERNETES:-1.37.2}
ETCD=${ETCD:-3.7.3}
CACHE=${CACHE:-/var/cache/weft/kubernetes}
BIN=$CACHE/bin

say() { echo "build.sh: $*" >&2; }

has_all() {
	local name
	for name in kube-apiserver kube-controller-manager kubectl; do
		[ "$(cat "$BIN/$name.ver" 2>/dev/null)" = "v$KUBERNETES" ] || return 1
	done
	[ "$(cat "$BIN/etcd.ver" 2>/dev/null)" = "v$ETCD" ]
}

# Go of Debian may be older than what these sources are written in.
has_go() {
	local version
	command -v go >/dev/null || return 1
	version=$(go env GOVERSION)
	version=${version#go}
	[ "$(printf '%s\n1.26\n' "$version" | sort -V | head -n 1)" = 1.26 ]
}

# A module that names the commands as tools, and the staging modules by their published versions.
make_kubernetes_module() {
	local dir=$CACHE/src/k8s mod name
	mkdir -p "$dir"
	cd "$dir"
	! grep -qs "k8s.io/kubernetes v$KUBERNETES" go.mod || [ ! -s go.sum ] || return 0
	rm -f go.mod go.sum
	mod=$(cd / && go mod download -json "k8s.io/kubernetes@v$KUBERNETES" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
	{
		printf 'module weft.test/kubernetes\n\n%s\n\nrequire k8s.io/kubernetes v%s\n\ntool (\n' "$(grep '^go ' "$mod")" "$KUBERNETES"
		for name in kube-apiserver kube-controller-manager kubectl; do printf '\tk8s.io/kubernetes/cmd/%s\n' "$name"; done
		printf ')\n\nreplace (\n'
		sed -n "s#^[[:space:]]*\(k8s\.io/[a-z-]*\) => \./staging/.*#\t\1 => \1 v0.${KUBERNETES#1.}#p" "$mod"
		printf ')\n'
	} >go.mod
	go mod tidy
}

make_etcd_module() {
	local dir=$CACHE/src/etcd
	mkdir -p "$dir"
	cd "$dir"
	! grep -qs "etcd/server/v3 v$ETCD" go.mod || [ ! -s go.sum ] || return 0
	rm -f go.sum
	printf 'module weft.test/etcd\n\ngo 1.26.0\n\nrequire go.etcd.io/etcd/server/v3 v%s\n\ntool go.etcd.io/etcd/server/v3\n' "$ETCD" >go.mod
	go mod tidy
}

# build NAME VERSION PACKAGE FLAGS: in the module that is the current directory
build() {
	local name=$1 version=$2 package=$3 flags=$4 begin=$SECONDS
	[ "$(cat "$BIN/$name.ver" 2>/dev/null)" != "$version" ] || return 0
	go build -mod=readonly -trimpath -ldflags "-s -w $flags" -o "$BIN/$name.new" "$package"
	mv "$BIN/$name.new" "$BIN/$name"
	echo "$version" >"$BIN/$name.ver"
	say "$name $version: $((SECONDS - begin)) s"
}

build_all() {
	local flags='' package name
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		flags+=" -X $package.gitVersion=v$KUBERNETES -X $package.gitMajor=1 -X $package.gitMinor=${KUBERNETES:2:2}"
		flags+=" -X $package.gitTreeState=clean -X $package.gitCommit=go-module"
	done
	make_kubernetes_module
	for name in kube-apiserver kube-controller-manager kubectl; do
		build "$name" "v$KUBERNETES" "k8s.io/kubernetes/cmd/$name" "$flags"
	done
	make_etcd_module
	build etcd "v$ETCD" go.etcd.io/etcd/server/v3 ''
}

mkdir -p "$BIN"
exec 9>"$CACHE/lock"
flock 9
if has_all; then
	exit 0
fi
if ! has_go; then
	say "Go 1.26 or newer is needed to build Kubernetes $KUBERNETES"
	exit 77
fi
export GOMODCACHE=$CACHE/gomod GOCACHE=$CACHE/gocache GOTOOLCHAIN=local CGO_ENABLED=0 GOWORK=off HOME=${HOME:-/root}
if ! (build_all) >"$CACHE/build.log" 2>&1; then
	tail -n 5 "$CACHE/build.log" >&2
	say "Kubernetes $KUBERNETES cannot be built; the log is $CACHE/build.log"
	exit 77
fi
# The binaries are worth keeping, what they were made of is not: 4 GB.
chmod -R u+w "$CACHE/gomod" && rm -rf "$CACHE/gomod" "$CACHE/gocache"
