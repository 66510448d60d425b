#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sudo tests/bench/balance.sh: one of five endpoints is ten times slower; what 20 clients notice of it under each
# algorithm, side by side in one run, and again after it has recovered. Then what the hooks cost, and what a
# dying endpoint does.
set -euo pipefail

# shellcheck source=bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/bench.sh"
# shellcheck source=/dev/null # followed twice, what both source would take minutes to check
. "$LIVE/odd.sh"

SECONDS_EACH=${SECONDS_EACH:-6}
QUICK_MS=${QUICK_MS:-2}
SLOW_MS=${SLOW_MS:-20}
OUT=${OUT:-$ROOT/build/bench/balance.json}
STATS=/proc/sys/kernel/bpf_stats_enabled
ALGORITHMS=(random round_robin least_conn ewma)
PODS=(p1 p2 p3 p4 p5)

usage() {
	cat <<-END
		usage: sudo tests/bench/balance.sh

		Prints tables, and writes them as JSON to OUT ($OUT).
		SECONDS_EACH=$SECONDS_EACH, QUICK_MS=$QUICK_MS and SLOW_MS=$SLOW_MS can be set otherwise.
	END
}

on_exit() {
	echo "$STATS_BEFORE" >"$STATS"
	lab_destroy
}

make_lab() {
	local pod i
	lab_make "weft-bench-$$" "$(mktemp -d /tmp/weft-bench-XXXXXX)"
	node_add 1
	for pod in client "${PODS[@]}"; do pod_add 1 "$pod"; done
	for ((i = 0; i < ${#ALGORITHMS[@]}; i++)); do
		expose_odd "by-${ALGORITHMS[i]//_/-}" $((10 + i)) "lb=${ALGORITHMS[i]} weft.dev/base-ejection-time=3s" "${PODS[@]}"
	done
	expose_odd plain 20 "" p1
	expose_odd measured 21 "weft.dev/measure=response-time" p1
	agent_up 1
}

serve_pods() {
	local pod
	for pod in "${PODS[@]}"; do
		[ -z "${ODD[$pod]-}" ] || odd_end "$pod"
		odd "$pod" -d "$([ "$pod" = p5 ] && echo "$1" || echo "$QUICK_MS")"
	done
}

# ask_all WHEN: each algorithm for some seconds
ask_all() {
	local i
	for ((i = 0; i < ${#ALGORITHMS[@]}; i++)); do
		exchanges client -t 20 -s "$SECONDS_EACH" "$(vip4 $((10 + i)))/80" | jq -c --arg when "$1" \
			--arg algorithm "${ALGORITHMS[i]}" '{$when, $algorithm, requests, failures, p50_us, p99_us, p999_us, per_second,
				slow_share: (100 * (.by_name.p5 // 0) / .requests)}'
	done
}

# Every algorithm has met the slow one before it recovers; then one turn to find out, one to be measured.
measure_load() {
	ask_all slow
	kill -USR1 "${ODD[p5]}"
	for pod in p1 p2 p3 p4; do kill -USR1 "${ODD[$pod]}"; done
	ask_all recovering
	ask_all recovered
}

times() {
	bpftool -j prog show | jq -c --argjson ids "$HOOK_IDS" \
		'[.[] | select(.id as $id | $ids | index($id)) | {name, ns: (.run_time_ns // 0), count: (.run_cnt // 0)}]'
}

hooks_for() {
	local before
	before=$(times)
	"$@" >/dev/null
	jq -nc --argjson a "$before" --argjson b "$(times)" '[$b[] | . as $new | ($a[] | select(.name == $new.name)) as $old |
		select($new.count > $old.count) | {key: (.name | ltrimstr("weft_")), value: (($new.ns - $old.ns) / ($new.count - $old.count) | round)}] | from_entries'
}

# ns of the hooks in 20,000 short connections by each algorithm, all endpoints quick
measure_hooks() {
	local i pin
	HOOK_IDS=$(for pin in "$LAB_BPF"/node1/programs/*; do bpftool -j prog show pinned "$pin" | jq .id; done | jq -sc .)
	echo 1 >"$STATS"
	for ((i = 0; i < ${#ALGORITHMS[@]}; i++)); do
		hooks_for exchanges client -n 20000 "$(vip4 $((10 + i)))/80" |
			jq -c --arg what "${ALGORITHMS[i]}" '{$what, connect4, ingress, sockops}'
	done
	for i in plain/20 measured/21; do
		hooks_for exchanges client -k -n 50000 "$(vip4 "${i#*/}")/80" | jq -c --arg what "keep-alive, ${i%/*}" '{$what, connect4: null, ingress, sockops}'
	done
	echo "$STATS_BEFORE" >"$STATS"
}

# An endpoint dies under the load of 20 clients: how many of their connections meet it before it is ejected?
measure_dying() {
	local i report
	for ((i = 0; i < ${#ALGORITHMS[@]}; i++)); do
		pod_start client "$LAB/tmp/dying" "$EXCHANGE" ask -t 20 -s 2 "$(vip4 $((10 + i)))/80"
		sleep 0.7
		odd_end p4
		wait "$STARTED"
		report=$(<"$LAB/tmp/dying")
		odd p4
		wait_for 20 is_well "$i" || die "p4 never came back"
		jq -c --arg algorithm "${ALGORITHMS[i]}" '{$algorithm, requests, failures}' <<<"$report"
	done
}

is_well() {
	exchanges client -n 40 "$(vip4 $((10 + $1)))/80" >/dev/null
	has_of "by-${ALGORITHMS[$1]//_/-}" p4 health active
}

print_tables() {
	jq -r 'def pad($n): tostring | . + " " * ([0, $n - length] | max);
		def lpad($n): tostring | " " * ([0, $n - length] | max) + .;
		def r($d): . * pow(10; $d) | round / pow(10; $d);
		(.load[] | select(.when == "slow" and .algorithm == "random").p99_us) as $random
		| "20 clients, a connection each time; one of five endpoints ten times slower",
		"  \("" | pad(24))\("per second" | lpad(12))\("p50 us" | lpad(10))\("p99 us" | lpad(10))\("p99.9 us" | lpad(10))\("p99/random" | lpad(12))\("its share" | lpad(12))",
		(.load[] | "  \("\(.when), \(.algorithm)" | pad(24))\(.per_second | lpad(12))\(.p50_us | lpad(10))\(.p99_us | lpad(10))\(.p999_us | lpad(10))\("x\(.p99_us / $random | r(3))" | lpad(12))\("\(.slow_share | r(2)) %" | lpad(12))"),
		"", "ns of a hook", (.hooks[] | "  \(.what | pad(24))connect4 \(.connect4 // "-" | lpad(5))  ingress \(.ingress | lpad(5))  sockops \(.sockops // "-" | lpad(5))"),
		"", "an endpoint dies under 20 clients: connections of theirs that fail, those open at that moment with them",
		(.dying[] | "  \(.algorithm | pad(24))\(.failures) of \(.requests)")
	' "$1"
}

bench() {
	local load hooks dying
	STATS_BEFORE=$(<"$STATS")
	trap on_exit EXIT
	trap 'exit 130' INT TERM HUP
	make_lab
	say "load, $((SECONDS_EACH * 12)) s"
	serve_pods "$SLOW_MS"
	load=$(measure_load | jq -sc .)
	say "hooks, and a dying endpoint"
	hooks=$(measure_hooks | jq -sc .)
	dying=$(measure_dying | jq -sc .)
	mkdir -p "$(dirname "$OUT")"
	jq -n --argjson load "$load" --argjson hooks "$hooks" --argjson dying "$dying" '{$load, $hooks, $dying}' >"$OUT"
	print_tables "$OUT"
	say "written to $OUT"
}

bench_main "$WEFT" "$EXCHANGE" -- "$@"
