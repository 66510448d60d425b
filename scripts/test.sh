#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sudo scripts/test.sh [TIER...]: installs, builds, tests. The last line is "N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "$0")/.."

TIERS=(check unit asan bpf live)
# Not by default: they take long.
SLOW_TIERS=(deploy fuzz package kernels kubernetes soak)
JOBS=$(nproc)
V=${V:-0}

usage() {
	cat <<-END
		usage: sudo scripts/test.sh [TIER...]

		Installs what is missing, builds, and runs the tiers (by default all of these):
		  check  formatting, layering, limits, shell scripts, static analysis
		  unit   the modules of user space, one by one
		  asan   the same with address and undefined-behaviour sanitizers
		  bpf    the decisions of the kernel half, with the real verifier and maps
		  live   pods as network namespaces, real sockets, real failures

		and, only if it is named, because it takes minutes:
		  kernels  the build on kernels 6.1 and 7.3 in virtual machines, and their driver
		  fuzz     inputs that libFuzzer thinks up, SECONDS_EACH (15) for every parser
		  deploy   the container image, unpacked and run; Kubernetes manifests and Helm chart
		  kubernetes  a real API server with its controllers, which it builds first
		  package  the Debian package in a fresh system: installed, upgraded, removed
		  soak     the splice under SOAK_CONNECTIONS (1000000) connections, each byte of which is looked at

		Then it looks whether anything was left behind. V=1 shows everything that a tier prints.
	END
}

passed=0
failed=0
skipped=0

# Counts lines "PASS name", "FAIL name" and "SKIP name: reason" of a tier, and shows what matters of them.
count() {
	local tier=$1 log=$2 status=$3 p f s
	p=$(grep -c '^PASS ' "$log" || true)
	f=$(grep -c '^FAIL ' "$log" || true)
	s=$(grep -c '^SKIP ' "$log" || true)
	if [ "$V" = 1 ] || { [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; }; then
		cat "$log"
	else
		# A failed test's output follows its line.
		awk '/^(PASS|FAIL|SKIP) / { show = !/^PASS / } show' "$log"
	fi
	if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
		echo "FAIL $tier: ended with status $status"
		f=1
	elif [ $((p + f)) -eq 0 ]; then
		echo "FAIL $tier: ran no test"
		f=1
	fi
	echo "== $tier: $p passed, $f failed, $s skipped ($SECONDS s since start)"
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
}

# Criterion's TAP, one line for each test and for each row of a parameterised one, as PASS, FAIL and SKIP lines;
# other output of a failed test goes with it. Fewer tests than were planned: the runner itself has died.
from_tap() {
	awk '
		/^1\.\.[0-9]+$/ { planned = substr($0, 4) }
		/^ok - / && / # SKIP/ {
			name = $3
			sub(/.* # SKIP */, "")
			print "SKIP " name ": " ($0 == "" ? "no reason given" : $0)
			seen++
			next
		}
		/^ok - / { print "PASS " $3; seen++; next }
		/^not ok - / { sub(/^not ok - /, ""); print "FAIL " $0; seen++; next }
		{ print }
		END {
			if (seen + 0 < planned + 0)
				print "FAIL " planned - seen " of " planned " tests did not report"
		}'
}

criterion() {
	"$1" --tap --jobs "$JOBS" 2>&1 | from_tap
	return "${PIPESTATUS[0]}"
}

run_kernels() {
	local status=0
	tests/kernels/selftest.sh 6.1 || status=1
	scripts/test-kernels.sh 6.1 7.3 || status=1
	return "$status"
}

# Says on the terminal how far it is.
run_soak() {
	SOAK_CONNECTIONS=${SOAK_CONNECTIONS:-1000000} SOAK_PROGRESS=3 TEST_SECONDS=${SOAK_SECONDS:-14400} \
		tests/live/run.sh 'soak/*'
}

run_tier() {
	case $1 in
	check) scripts/check.sh ;;
	unit) make -s "-j$JOBS" build/unit && criterion build/unit ;;
	# Criterion keeps allocations of its own to the end (its issue 501): leaks are sought where it does not run.
	asan)
		make -s "-j$JOBS" asan &&
			ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 criterion build/asan/unit
		;;
	bpf) make -s "-j$JOBS" build/bpf_tests && criterion build/bpf_tests ;;
	live) make -s "-j$JOBS" all tests && SOAK_CONNECTIONS='' tests/live/run.sh ;;
	deploy) make -s "-j$JOBS" all && tests/deploy/run.sh ;;
	kernels) run_kernels ;;
	kubernetes) make -s "-j$JOBS" all tests && tests/kubernetes/run.sh ;;
	fuzz) make -s "-j$JOBS" fuzz && tests/fuzz/run.sh ;;
	package) make -s "-j$JOBS" all && tests/package/run.sh ;;
	soak) make -s "-j$JOBS" all tests && run_soak ;;
	esac
}

# What a test could leave behind, one thing a line. Services and sessions of the machine come and go meanwhile.
inventory() {
	local bpftool
	bpftool=$(PATH=$PATH:/usr/sbin:/sbin command -v bpftool)
	ip -o netns list | sed 's/^/network namespace /; s/ (id:.*//'
	find /sys/fs/bpf -mindepth 1 2>/dev/null | sed 's/^/pin /' || true
	awk '$5 !~ "^/run/(credentials|user)/" { print "mount " $5 }' /proc/self/mountinfo
	awk '$3 == "cgroup2" && !seen++ { print $2 }' /proc/mounts |
		xargs -I{} find {} -type d -not -regex '.*\.\(service\|scope\|slice\|mount\|socket\)' 2>/dev/null |
		sed 's/^/cgroup /' || true
	"$bpftool" -j link show | jq -r '.[] | "BPF link \(.id) (\(.type))"'
	"$bpftool" -j prog show | jq -r '.[] | "BPF program \(.id) (\(.name // .type))" | select(contains("(sd_") | not)'
	"$bpftool" -j map show | jq -r '.[] | "BPF map \(.id) (\(.name // .type))"'
	processes
}

# Those that inherited the mark of this run. It is in the environment that a process was started with, so neither
# this shell nor its subshells have it; and what is asked without it is not found either.
processes() {
	local file pid
	while read -r file; do
		pid=${file//[!0-9]/}
		echo "process $pid ($(tr '\0' ' ' <"/proc/$pid/cmdline" || true))"
	done < <(env -u WEFT_TEST_RUN grep -lsz "^WEFT_TEST_RUN=$WEFT_TEST_RUN\$" /proc/[0-9]*/environ || true)
} 2>/dev/null

take_inventory() { (export -n WEFT_TEST_RUN; inventory | sort) >"$1"; }

# The kernel frees programs, namespaces and cgroups a little after their last user; and what bpftool itself uses
# has another number each time. So only that counts which stays.
check_leftovers() {
	local before=$1 work=$2 try
	take_inventory "$work/now"
	comm -13 "$before" "$work/now" >"$work/left"
	for try in 1 2 3 4; do
		[ -s "$work/left" ] || break
		sleep "$try"
		take_inventory "$work/now"
		comm -12 "$work/left" "$work/now" >"$work/still"
		mv "$work/still" "$work/left"
	done
	if [ ! -s "$work/left" ]; then
		echo "PASS leftovers"
		return 0
	fi
	sed 's/^/FAIL leftover: /' "$work/left"
	return 1
}

# Without a tier: what was to be done before all of them.
give_up() {
	[ ! -s "$work/log" ] || cat "$work/log"
	echo "FAIL $1"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
}

tiers=()
for word in "$@"; do
	case $word in
	-h | --help)
		usage
		exit 0
		;;
	esac
	if [[ " ${TIERS[*]} ${SLOW_TIERS[*]} " != *" $word "* ]]; then
		echo "test.sh: there is no tier '$word'; there are: ${TIERS[*]} ${SLOW_TIERS[*]}" >&2
		exit 2
	fi
	tiers+=("$word")
done
[ ${#tiers[@]} -gt 0 ] || tiers=("${TIERS[@]}")
[ "$(id -u)" = 0 ] || { echo "test.sh: must be run as root" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export WEFT_TEST_RUN=$work
scripts/install-deps.sh || give_up install-deps
make -s "-j$JOBS" all tests >"$work/log" 2>&1 </dev/null || give_up build
take_inventory "$work/before"
for tier in "${tiers[@]}"; do
	echo "== $tier"
	status=0
	run_tier "$tier" 3>&1 >"$work/log" 2>&1 </dev/null || status=$?
	count "$tier" "$work/log" "$status"
done
status=0
check_leftovers "$work/before" "$work" >"$work/log" 2>&1 || status=$?
count leftovers "$work/log" "$status"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
