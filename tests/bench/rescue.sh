#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sudo tests/bench/rescue.sh: what it takes to move a connect, and what a moved connection costs from then on.
#
#   connects to a service whose other endpoint lives, refuses, is unreachable or is silent, by turns
#   requests over one kept connection: between pods that weft does not watch (bare), through a service (untouched), over
#   a connection that had to be moved (rescued), in short rounds by turns
#   nanoseconds of each program at tc
set -euo pipefail

# shellcheck source=bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/bench.sh"

EXCHANGE=$ROOT/build/live/exchange
ECHO=$ROOT/build/live/echo
CONNECTS=${CONNECTS:-1000} # of each kind
ROUNDS=${ROUNDS:-15}
EXCHANGES=${EXCHANGES:-10000} # of 64 bytes, in each round and way
LARGE=${LARGE:-400}	      # of 1 MB, likewise
OUT=${OUT:-$ROOT/build/bench/rescue.json}
STATS=/proc/sys/kernel/bpf_stats_enabled
PORTS="http/TCP/80/7000 echo/TCP/81/7001"
KINDS=(none refused refused-far unreachable silent)

usage() {
	cat <<-END
		usage: sudo tests/bench/rescue.sh

		Prints tables, and writes them as JSON to OUT ($OUT).
		CONNECTS=$CONNECTS of each kind, ROUNDS=$ROUNDS, EXCHANGES=$EXCHANGES and LARGE=$LARGE of each round and way can
		be set otherwise.
	END
}

on_exit() {
	echo "$STATS_BEFORE" >"$STATS"
	lab_destroy
}

make_lab() {
	local pod
	lab_make "weft-bench-$$" "$(mktemp -d /tmp/weft-bench-XXXXXX)"
	node_add 1
	node_add 2
	node_join 1 2
	for pod in client server dead unreachable silent bare bare-server; do pod_add 1 "$pod"; done
	pod_add 2 far
	mkdir "$LAB_CGROUP/bare"
	for pod in server bare-server; do
		pod_serve "$pod" "$EXCHANGE" serve "$pod" "$(pod_ip4 "$pod")/7000"
		wait_for 5 file_has "$LAB/log/$pod" serving || die "$pod does not serve"
	done
	in_cgroup "$(pod_cgroup server)/server" server "$ECHO" serve "$(pod_ip4 server)/7001" >"$LAB/log/echo" 2>&1 </dev/null &
	wait_for 5 file_has "$LAB/log/echo" serving || die "nobody echoes"
	reject unreachable "reject with icmpx type host-unreachable"
	reject silent drop
	ns_run unreachable sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit'
}

reject() {
	printf 'table inet weft {\n chain c {\n type filter hook input priority 0;\n tcp dport 7001 %s\n }\n}\n' "$2" |
		ns_run "$1" nft -f -
}

# Nearly every connect meets the heavy endpoint first.
put_pair() {
	local name=$1 number=$2 heavy=$3
	put_service "$name" "$number" "$PORTS" weft.dev/consecutive-failures=0
	[ -z "$heavy" ] || pods_yaml "$name@heavy" "$PORTS" 65535 "$heavy" | put "pods-$name@heavy.yaml"
	pods_yaml "$name" "$PORTS" 1 server | put "pods-$name.yaml"
}

put_pairs() {
	put_pair none 10 ""
	put_pair refused 11 dead
	put_pair refused-far 12 far
	put_pair unreachable 13 unreachable
	put_pair silent 14 silent
}

number_of() { case $1 in none) echo 10 ;; refused) echo 11 ;; refused-far) echo 12 ;; unreachable) echo 13 ;; silent) echo 14 ;; esac; }

connects() {
	local kind
	for kind in "${KINDS[@]}"; do
		pod_run client "$ECHO" ask -n "$CONNECTS" -b 1 tcp4 "$(vip4 "$(number_of "$kind")")/81" |
			jq -c --arg kind "$kind" --argjson wanted "$CONNECTS" \
				'if .ok != $wanted then error("\(.failures) failed") else {$kind, p50_us, p99_us} end'
	done
}

one_way() {
	case $1 in
	bare) (in_cgroup "$LAB_CGROUP/bare" bare "$EXCHANGE" ask -k "${@:2}" "$(pod_ip4 bare-server)/7000") ;;
	untouched) pod_run client "$EXCHANGE" ask -k "${@:2}" "$(vip4 10)/80" ;;
	rescued) pod_run client "$EXCHANGE" ask -k "${@:2}" "$(vip4 11)/80" ;;
	esac
}

rounds() {
	local round way ways=(bare untouched rescued)
	for ((round = 0; round < ROUNDS; round++)); do
		for way in "${ways[@]}"; do
			one_way "$way" "$@" | jq -c --arg way "$way" --argjson round "$round" \
				'if .failures + .misdirected > 0 then error("\(.failures) failed") else {$way, $round, per_second, p50_us, p99_us} end'
		done
		ways=("${ways[@]:1}" "${ways[0]}")
	done
}

# A ratio is of two numbers of the same round; the middle one of all rounds counts.
summary() {
	jq -s 'def quantile($q): sort | .[(length - 1) * $q | round];
		. as $all
		| def rates($way): [$all[] | select(.way == $way)] | sort_by(.round);
		def ratios($way): [rates($way), rates("bare")] | transpose | map(.[0].per_second / .[1].per_second);
		["bare", "untouched", "rescued"] | map(. as $way | {
			way: $way,
			per_second: (rates($way) | map(.per_second) | quantile(0.5)),
			p50_us: (rates($way) | map(.p50_us) | quantile(0.5)),
			p99_us: (rates($way) | map(.p99_us) | quantile(0.5)),
			to_bare: (ratios($way) | {middle: quantile(0.5), low: quantile(0.25), high: quantile(0.75)})})'
}

# Nanoseconds of each run, while WAY is asked.
programs() {
	local way
	for way in untouched rescued; do
		echo 1 >"$STATS"
		bpftool -j prog show pinned "$LAB_BPF/node1/programs/weft_from_pod" >"$LAB/tmp/from"
		bpftool -j prog show pinned "$LAB_BPF/node1/programs/weft_to_pod" >"$LAB/tmp/to"
		one_way "$way" -n "$EXCHANGES" -b 64 >/dev/null
		for program in from to; do
			bpftool -j prog show pinned "$LAB_BPF/node1/programs/weft_${program}_pod" |
				jq -c --arg way "$way" --slurpfile before "$LAB/tmp/$program" \
					'{$way, name, runs: (.run_cnt - ($before[0].run_cnt // 0)), ns: ((.run_time_ns - ($before[0].run_time_ns // 0)) / (.run_cnt - ($before[0].run_cnt // 0)) | round)}'
		done
		echo "$STATS_BEFORE" >"$STATS"
	done | jq -s .
}

counted() { weft 1 get stats "$1" -o json | jq '.[0].value'; }

print_tables() {
	jq -r 'def pad($n): tostring | . + " " * ([0, $n - length] | max);
		def lpad($n): tostring | " " * ([0, $n - length] | max) + .;
		def r: . * 1000 | round / 1000;
		"", "microseconds of connect(); what becomes of the endpoint that is tried first",
		"  \("first endpoint" | pad(28))\("p50 us" | lpad(10))\("p99 us" | lpad(10))\("p50 more" | lpad(12))",
		(.connects[0].p50_us as $none | .connects[] | "  \({none: "lives", refused: "refuses", "refused-far": "refuses, on the other node", unreachable: "ICMP unreachable", silent: "does not answer"}[.kind] | pad(28))\(.p50_us | lpad(10))\(.p99_us | lpad(10))\(.p50_us - $none | r | lpad(12))"),
		(["answers of 64 bytes", .small], ["answers of 1 MB", .large] | "", "\(.[0]), over one kept connection",
		"  \("way" | pad(28))\("per second" | lpad(12))\("p50 us" | lpad(10))\("p99 us" | lpad(10))\("rate" | lpad(10))   quarters",
		(.[1][] | "  \({bare: "between pods, without weft", untouched: "service", rescued: "service, moved"}[.way] | pad(28))\(.per_second | round | lpad(12))\(.p50_us | lpad(10))\(.p99_us | lpad(10))\("x\(.to_bare.middle | r)" | lpad(10))   \(.to_bare.low | r) to \(.to_bare.high | r)")),
		"", "nanoseconds of a run, with the statistics of the kernel on",
		(.programs[] | "  \(.name | pad(16))\(.way | pad(12))\(.ns | lpad(6))   \(.runs) runs")' "$1"
}

bench() {
	local before
	STATS_BEFORE=$(<"$STATS")
	trap on_exit EXIT
	trap 'exit 130' INT TERM HUP
	make_lab
	put_pairs
	agent_up 1 --interfaces "to-$(<"$LAB/pods/client/host"),to-$(<"$LAB/pods/server/host")"
	mkdir -p "$(dirname "$OUT")"
	before=$(counted rescued)
	connects | jq -s . >"$LAB/tmp/connects"
	# A rescue that was not needed is quick, and says nothing.
	[ $(($(counted rescued) - before)) -ge $((CONNECTS * 4 * 99 / 100)) ] || die "only $(($(counted rescued) - before)) connects were moved"
	rounds -n "$EXCHANGES" -b 64 | summary >"$LAB/tmp/small"
	rounds -n "$LARGE" -b 1000000 | summary >"$LAB/tmp/large"
	programs >"$LAB/tmp/programs"
	jq -n --slurpfile connects "$LAB/tmp/connects" --slurpfile small "$LAB/tmp/small" --slurpfile large "$LAB/tmp/large" \
		--slurpfile programs "$LAB/tmp/programs" \
		'{connects: $connects[0], small: $small[0], large: $large[0], programs: $programs[0]}' >"$OUT"
	print_tables "$OUT"
	say "written to $OUT"
}

bench_main "$WEFT" "$EXCHANGE" "$ECHO" -- "$@"
