#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# selftest.sh [VERSION]: does the driver see what goes wrong? A kernel that panics, one that warns of itself, a test
# that hangs, a test that fails, a machine that never ends, a source that is away: each must end in a clear line
# and a failure, with no machine left.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

version=${1:-6.1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

machines() { pgrep -c -f '^qemu-system-x86_64 .*console=ttyS0 panic=-1' || true; }
before=$(machines)

# expect NAME PATTERN COMMAND...: it must fail, say that, and leave no machine.
expect() {
	local name=$1 pattern=$2 status=0
	shift 2
	"$@" >"$work/out" 2>&1 || status=$?
	if [ "$status" -eq 0 ]; then
		echo "FAIL kernels/driver/$name: it passed"
	elif ! grep -qE "$pattern" "$work/out"; then
		echo "FAIL kernels/driver/$name: it does not say '$pattern'"
	elif [ "$(machines)" -gt "$before" ]; then
		echo "FAIL kernels/driver/$name: a machine is left"
	else
		echo "PASS kernels/driver/$name"
		return
	fi
	sed 's/^/    /' "$work/out"
	failures=$((failures + 1))
}

with_list() {
	printf '%s\n' "$1" >"$work/list"
	scripts/test-kernels.sh --list "$work/list" "$version"
}

expect panic "^FAIL kernels/$version/end: the machine ended early, in BEGIN boom" \
	with_list 'boom 30 echo c >/proc/sysrq-trigger'
expect complaint "^FAIL kernels/$version/kernel: it complained" \
	with_list 'warn 30 echo "BUG: made up by a test" >/dev/kmsg'
expect failing-test "^FAIL kernels/$version/bad: status 3" \
	with_list 'bad 30 echo that is wrong; exit 3'
expect output-of-a-failing-test "^    that is wrong" \
	with_list 'bad 30 echo that is wrong; exit 3'
expect hanging-test "^FAIL kernels/$version/slow: not done in 3 s" \
	with_list 'slow 3 sleep 1000'
# The machine would go on for long: only the driver can end it.
stuck() { PATIENCE=25 with_list 'stuck 900 sleep 900'; }
expect hanging-machine "^FAIL kernels/$version/hang: not done in 25 s, in BEGIN stuck" stuck
expect no-such-kernel "no suite is known for kernel 4.4" scripts/test-kernels.sh 4.4
expect source-away "^FAIL kernels/$version/fetch" \
	env WEFT_KERNELS="$work/cache" WEFT_MIRROR=http://127.0.0.1:9/debian scripts/test-kernels.sh "$version"
[ "$failures" -eq 0 ]
