#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sudo tests/bench/measure.sh: what taking response times costs a conversation.
#
#   requests and answers of 64 bytes over one kept connection, to the same endpoint: through a measured service, through
#   one that is not measured, and straight to the endpoint from a cgroup without weft (bare), in short rounds by turns
set -euo pipefail

# shellcheck source=bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/bench.sh"

EXCHANGE=$ROOT/build/live/exchange
ROUNDS=${ROUNDS:-21}
EXCHANGES=${EXCHANGES:-15000} # in each round and way
BYTES=${BYTES:-64}            # of an answer
OUT=${OUT:-$ROOT/build/bench/measure.json}
PORTS="http/TCP/80/7000"

usage() {
	cat <<-END
		usage: sudo tests/bench/measure.sh

		Prints a table, and writes it as JSON to OUT ($OUT).
		ROUNDS=$ROUNDS, EXCHANGES=$EXCHANGES of each round and way, BYTES=$BYTES of an answer can be set otherwise.
	END
}

make_lab() {
	lab_make "weft-bench-$$" "$(mktemp -d /tmp/weft-bench-XXXXXX)"
	node_add 1
	pod_add 1 client
	pod_add 1 server
	mkdir "$LAB_CGROUP/bare"
	pod_serve server "$EXCHANGE" serve server "$(pod_ip4 server)/7000"
	wait_for 5 file_has "$LAB/log/server" serving || die "the server does not serve"
}

one_way() {
	local ask=("$EXCHANGE" ask -k -n "$EXCHANGES" -b "$BYTES")
	case $1 in
	measured) pod_run client "${ask[@]}" "$(vip4 10)/80" ;;
	unmeasured) pod_run client "${ask[@]}" "$(vip4 11)/80" ;;
	bare) (in_cgroup "$LAB_CGROUP/bare" client "${ask[@]}" "$(pod_ip4 server)/7000") ;;
	esac
}

# All ways in each round, and each of them first in turn, so that what disturbs the machine disturbs all of them.
rounds() {
	local round way ways=(bare unmeasured measured)
	for ((round = 0; round < ROUNDS; round++)); do
		for way in "${ways[@]}"; do
			one_way "$way" | jq -c --arg way "$way" --argjson round "$round" --argjson wanted "$EXCHANGES" \
				'if .failures + .misdirected > 0 or .requests != $wanted then error("\(.failures) failed, \(.misdirected) astray of \(.requests)")
				else {$way, $round, per_second, p50_us, p99_us} end'
		done
		ways=("${ways[@]:1}" "${ways[0]}")
	done
}

# A ratio is of two numbers of the same round; the middle one of all rounds counts, and the quarters say how sure it is.
summary() {
	jq -s 'def quantile($q): sort | .[(length - 1) * $q | round];
		. as $all
		| def rates($way): [$all[] | select(.way == $way)] | sort_by(.round);
		def ratios($way; $to): [rates($way), rates($to)] | transpose | map(.[0].per_second / .[1].per_second);
		["bare", "unmeasured", "measured"] | map(. as $way | {
			way: $way,
			per_second: (rates($way) | map(.per_second) | quantile(0.5)),
			p50_us: (rates($way) | map(.p50_us) | quantile(0.5)),
			p99_us: (rates($way) | map(.p99_us) | quantile(0.5)),
			to_unmeasured: (ratios($way; "unmeasured") | {middle: quantile(0.5), low: quantile(0.25), high: quantile(0.75)})})'
}

print_table() {
	jq -r --arg bytes "$BYTES" '
		def pad($n): tostring | . + " " * ([0, $n - length] | max);
		def lpad($n): tostring | " " * ([0, $n - length] | max) + .;
		def r: . * 1000 | round / 1000;
		"", "answers of \($bytes) bytes, over one kept connection",
		"  \("way" | pad(28))\("per second" | lpad(12))\("p50 us" | lpad(10))\("p99 us" | lpad(10))\("rate" | lpad(10))   \("quarters" | pad(16))",
		(.[] | "  \({bare: "endpoint, without weft", unmeasured: "service", measured: "measured service"}[.way] | pad(28))\(.per_second | lpad(12))\(.p50_us | lpad(10))\(.p99_us | lpad(10))\("x\(.to_unmeasured.middle | r)" | lpad(10))   \(.to_unmeasured.low | r) to \(.to_unmeasured.high | r)")
	' "$1"
}

exchanges_of() {
	weft 1 get endpoints -o json | jq -r --arg name "$1" 'map(select(.service == $name))[0].exchanges'
}

bench() {
	local wanted=$((ROUNDS * EXCHANGES))
	trap lab_destroy EXIT
	trap 'exit 130' INT TERM HUP
	make_lab
	put_service measured 10 "$PORTS" weft.dev/measure=response-time
	pods_yaml measured "$PORTS" "" server | put pods-measured.yaml
	put_service plain 11 "$PORTS"
	pods_yaml plain "$PORTS" "" server | put pods-plain.yaml
	agent_up 1
	mkdir -p "$(dirname "$OUT")"
	rounds | summary >"$OUT"
	# A measurement that was not taken costs nothing, and says nothing.
	[ "$(exchanges_of measured) $(exchanges_of plain)" = "$wanted null" ] ||
		die "measured $(exchanges_of measured) exchanges and $(exchanges_of plain), wanted $wanted and none"
	print_table "$OUT"
	say "written to $OUT"
}

bench_main "$WEFT" "$EXCHANGE" -- "$@"
