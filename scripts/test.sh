#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sudo scripts/test.sh [TIER...]: installs, builds, tests. The last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

TIERS=(check unit asan bpf live)

usage() {
	cat <<-END
		usage: sudo scripts/test.sh [TIER...]

		Installs what is missing, builds, and runs the tiers (all of them by default):
		  check  formatting, layering, limits, shell scripts, static analysis
		  unit   the modules of user space, one by one
		  asan   the same with address and undefined-behaviour sanitizers
		  bpf    the decisions of the kernel half, with the real verifier and maps
		  live   pods as network namespaces, real sockets, real failures

		V=1 shows everything that a tier prints.
	END
}

passed=0
failed=0
skipped=0
V=${V:-0}

# Counts lines "PASS name", "FAIL name" and "SKIP name: reason" of a tier, and shows what matters of them.
count() {
	local tier=$1 log=$2 status=$3 p f s
	p=$(grep -c '^PASS ' "$log")
	f=$(grep -c '^FAIL ' "$log")
	s=$(grep -c '^SKIP ' "$log")
	if [ "$V" = 1 ] || [ "$f" -gt 0 ] || [ "$status" -ne 0 ]; then
		cat "$log"
	else
		grep '^SKIP ' "$log"
	fi
	if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
		echo "FAIL $tier: ended with status $status"
		f=1
	elif [ $((p + f + s)) -eq 0 ]; then
		echo "FAIL $tier: ran no test"
		f=1
	fi
	echo "== $tier: $p passed, $f failed, $s skipped ($SECONDS s since start)"
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
}

# Criterion's TAP as PASS and FAIL lines; the rest of a failed test's output goes with it.
from_tap() {
	sed -E 's/^ok - ([^ ]+)( .*# SKIP (.*))$/SKIP \1: \3/; s/^ok - ([^ ]+).*/PASS \1/; s/^not ok - ([^ ]+)/FAIL \1/'
}

criterion() {
	local binary=$1 status
	"$binary" --tap --jobs 2 2>&1 | from_tap
	status=${PIPESTATUS[0]}
	return "$status"
}

run_tier() {
	case $1 in
	check) scripts/check.sh ;;
	unit) make -s -j2 tests && criterion build/unit ;;
	# Criterion keeps allocations of its own to the end (its issue 501): leaks are sought where it does not run.
	asan) make -s -j2 asan && ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1 criterion build/asan/unit ;;
	bpf) make -s -j2 tests && criterion build/bpf_tests ;;
	live) make -s -j2 all tests && tests/live/run.sh ;;
	*) echo "FAIL there is no tier '$1'"; return 1 ;;
	esac
}

# What a test could leave behind, one thing a line.
inventory() {
	local bpf
	bpf=$(PATH=$PATH:/usr/sbin:/sbin command -v bpftool)
	ip -o netns list | sed 's/^/network namespace /; s/ (id:.*//'
	find /sys/fs/bpf -mindepth 1 2>/dev/null | sed 's/^/pin /'
	awk '{ print "mount " $5 }' /proc/self/mountinfo
	awk '$3 == "cgroup2" { print $2 }' /proc/mounts | head -n 1 | xargs -I{} find {} -type d | sed 's/^/cgroup /'
	"$bpf" -j link show | jq -r '.[] | "BPF link \(.id)"'
	# Programs and maps leave a little after their last user.
	"$bpf" -j prog show | jq -r '.[] | select((.name // "") | test("^(weft|shim|neigh)")) | "BPF program \(.name) \(.id)"'
	"$bpf" -j map show | jq -r '.[] | select((.name // "") | test("^(services|slots|endpoints|members|udp_state)$")) | "BPF map \(.name) \(.id)"'
}

check_leftovers() {
	local before=$1 after=$2 try
	for try in 1 2 3 4 5; do
		inventory | sort >"$after"
		[ -n "$(comm -13 "$before" "$after")" ] || break
		sleep "$try"
	done
	if [ -n "$(comm -13 "$before" "$after")" ]; then
		echo "FAIL leftovers"
		comm -13 "$before" "$after" | sed 's/^/    /'
		return 1
	fi
	echo "PASS leftovers"
}

case ${1-} in
-h | --help)
	usage
	exit 0
	;;
esac
[ "$(id -u)" = 0 ] || { echo "test.sh: must be run as root" >&2; exit 1; }

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
scripts/install-deps.sh || { echo "FAIL install-deps"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
if ! make -s -j2 all tests >"$work/build" 2>&1; then
	cat "$work/build"
	echo "FAIL build"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi
inventory | sort >"$work/before"
for tier in "${@:-${TIERS[@]}}"; do
	echo "== $tier"
	run_tier "$tier" >"$work/log" 2>&1 </dev/null
	count "$tier" "$work/log" $?
done
check_leftovers "$work/before" "$work/after" >"$work/log" 2>&1
count leftovers "$work/log" $?
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
