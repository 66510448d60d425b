#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What every benchmark begins with. Sourced; the benchmark has functions usage and bench.

# shellcheck source=../live/mesh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../live/mesh.sh"

# bench_main TOOLS -- ARGUMENT...: the command line, and whether all is there
bench_main() {
	local tool tools=()
	while [ "$1" != -- ]; do
		tools+=("$1")
		shift
	done
	case ${2-} in
	'') ;;
	-h | --help)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
	[ "$(id -u)" = 0 ] || die "must be run as root"
	for tool in "${tools[@]}"; do [ -x "$tool" ] || die "there is no $tool; build first: make all tests"; done
	bench
}
