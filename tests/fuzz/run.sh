#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# run.sh [TARGET...]: first all inputs that once were wrong, then so many seconds of new ones. Prints a PASS or FAIL line
# for each target. An input that crashes is kept in build/fuzz/found: once what it shows is put right, it belongs into
# tests/fuzz/regressions/TARGET.
set -euo pipefail
cd "$(dirname "$0")/../.."

SECONDS_EACH=${SECONDS_EACH:-15}
OUT=build/fuzz
DATA=tests/unit/data
failed=0

# Inputs that are right, and inputs that are refused: from these new ones are made.
seeds() {
	local target=$1 seeds=$OUT/seeds/$1 i=0
	rm -rf "$seeds"
	mkdir -p "$seeds" "$OUT/corpus/$target" "$OUT/found/$target"
	case $target in
	tree | objects) find $DATA -name '*.yaml' -o -name '*.json' | while read -r file; do cp "$file" "$seeds/"; done ;;
	annotations)
		for value in random ewma least_conn response-time 10s 1m30s 5 0 100 65535 off auto on 00 -1 1.5h 99999999999999999999s; do
			for i in {0..12}; do printf "\\x$(printf %02x "$i")%s" "$value" >"$seeds/$i-${value:0:8}"; done
		done
		;;
	address)
		for value in 10.0.0.1 ::1 ::ffff:10.0.0.1 fd00::1:2 fe80::1%eth0 1.2.3 256.1.1.1 01.2.3.4 1:2:3:4:5:6:7:8; do
			i=$((i + 1))
			printf %s "$value" >"$seeds/$i"
		done
		;;
	rows) [ ! -d tests/fuzz/seeds/rows ] || cp tests/fuzz/seeds/rows/* "$seeds/" ;;
	esac
}

fuzz() {
	local target=$1 log=$OUT/$1.log
	seeds "$target"
	if ! "$OUT/$target" -close_fd_mask=1 "$OUT/seeds/$target" "tests/fuzz/regressions/$target" -runs=0 >"$log" 2>&1; then
		echo "FAIL fuzz/$target: an input that is known"
	elif ! "$OUT/$target" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$OUT/found/$target/" "$OUT/corpus/$target" "$OUT/seeds/$target" >"$log" 2>&1; then
		echo "FAIL fuzz/$target: see $OUT/found/$target"
	elif [ "$(awk '/number_of_executed_units/ { print $2 }' "$log")" -lt 1000 ]; then
		echo "FAIL fuzz/$target: hardly an input was tried"
	else
		echo "PASS fuzz/$target"
		return 0
	fi
	grep -v '^#[0-9]' "$log" | tail -n 40 | sed 's/^/    /'
	failed=1
}

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(find tests/fuzz -name '*.c' -printf '%f\n' | sed 's/\.c$//' | sort)
for target in "${targets[@]}"; do
	[ -x "$OUT/$target" ] || { echo "FAIL fuzz/$target: there is no $OUT/$target; make fuzz builds it"; failed=1; continue; }
	mkdir -p "tests/fuzz/regressions/$target"
	fuzz "$target"
done
exit "$failed"
