#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sudo tests/bench/splice.sh: what it is worth that bytes go from socket to socket on a node.
#
#   the same client and server, both in event loops with non-blocking sockets, over several transports: TCP between pods
#   that weft does not watch (bare), TCP over lo in one of them (loopback), AF_UNIX (unix), a service (service), a service
#   with weft.dev/splice (splice); and to a pod of another node: far-bare, far-service, far-splice
#   requests and answers of the same length by turns, and one way, both ends on one processor and on two
#   all ways in each round, by turns; a ratio is of two numbers of the same round
set -euo pipefail

# shellcheck source=bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/bench.sh"

PACE=$ROOT/build/live/pace
ROUNDS=${ROUNDS:-9}
MS=${MS:-100} # of each measurement
ASKS=${ASKS:-64 1024 16384 65536}
SENDS=${SENDS:-64 512 1024 16384 65536 262144 1048576}
CPUS=${CPUS:-0 1} # of the client; the server is on the first
OUT=${OUT:-$ROOT/build/bench/splice.json}
LEAST=${LEAST:-90} # percent of the requests and answers that went from socket to socket

PORTS="http/TCP/80/7000"
NEAR=(bare loopback unix service splice)
FAR=(far-bare far-service far-splice)
HELPERS=()

usage() {
	cat <<-END
		usage: sudo tests/bench/splice.sh

		Prints tables, and writes them as JSON to OUT ($OUT).
		ROUNDS=$ROUNDS, MS=$MS of each measurement, ASKS="$ASKS" and SENDS="$SENDS" (bytes), CPUS="$CPUS" (of the
		client; the server is on the first), LEAST=$LEAST (percent of the requests and answers that must have gone from
		socket to socket) can be set otherwise.
	END
}

# pace_serve NAME POD CGROUP PLACE...: until it serves, on the first processor
pace_serve() {
	local name=$1 pod=$2 cgroup=$3
	shift 3
	in_cgroup "$cgroup" "$pod" "$PACE" serve -c "${CPUS%% *}" "$@" >"$LAB/log/$name" 2>&1 </dev/null &
	wait_for 5 file_has "$LAB/log/$name" serving || die "$name does not serve: $(<"$LAB/log/$name")"
}

make_lab() {
	local pod
	lab_make "weft-bench-$$" "$(mktemp -d /tmp/weft-bench-XXXXXX)"
	node_add 1
	node_add 2
	node_join 1 2
	for pod in client server bare bare-server; do pod_add 1 "$pod"; done
	for pod in far far-bare; do pod_add 2 "$pod"; done
	mkdir "$LAB_CGROUP/bare"
	pace_serve bare bare-server "$LAB_CGROUP/bare" "$(pod_ip4 bare-server)/7000"
	pace_serve loopback bare "$LAB_CGROUP/bare" 127.0.0.1/7000
	pace_serve unix bare "$LAB_CGROUP/bare" "unix:$LAB/tmp/unix"
	pace_serve far-bare far-bare "$LAB_CGROUP/bare" "$(pod_ip4 far-bare)/7000"
}

# put_way WAY NUMBER POD ANNOTATION
put_way() {
	put_service "$1" "$2" "$PORTS" "$4"
	pods_yaml "$1" "$PORTS" "" "$3" | put "pods-$1.yaml"
}

# The servers behind the services begin to listen after weft has come.
weft_up() {
	local name pods
	put_way splice 10 server weft.dev/splice=on
	put_way service 11 server weft.dev/splice=off
	put_way far-splice 12 far weft.dev/splice=on
	put_way far-service 13 far weft.dev/splice=off
	pods="to-$(<"$LAB/pods/client/host"),to-$(<"$LAB/pods/server/host")"
	agent_up 1 --interfaces "$pods"
	agent_up 2 --interfaces "to-$(<"$LAB/pods/far/host")"
	for name in splice service far-splice far-service; do await 1 "$name" 1; done
	pace_serve splice server "$(pod_cgroup server)/server" "$(pod_ip4 server)/7000"
	pace_serve far far "$(pod_cgroup far)/server" "$(pod_ip4 far)/7000"
	# The first connection of a program is watched, and not spliced.
	one_way splice ask -c "${CPUS%% *}" -m 1 -b 64 >/dev/null
}

# one_way WAY COMMAND...: of pace, with its place
one_way() {
	local way=$1
	shift
	case $way in
	bare) (in_cgroup "$LAB_CGROUP/bare" bare "$PACE" "$@" "$(pod_ip4 bare-server)/7000") ;;
	loopback) (in_cgroup "$LAB_CGROUP/bare" bare "$PACE" "$@" 127.0.0.1/7000) ;;
	unix) (in_cgroup "$LAB_CGROUP/bare" bare "$PACE" "$@" "unix:$LAB/tmp/unix") ;;
	service) pod_run client "$PACE" "$@" "$(vip4 11)/80" ;;
	splice) pod_run client "$PACE" "$@" "$(vip4 10)/80" ;;
	far-bare) (in_cgroup "$LAB_CGROUP/bare" bare "$PACE" "$@" "$(pod_ip4 far-bare)/7000") ;;
	far-service) pod_run client "$PACE" "$@" "$(vip4 13)/80" ;;
	far-splice) pod_run client "$PACE" "$@" "$(vip4 12)/80" ;;
	esac
}

# One measurement: measure WAY ROUND KIND BYTES CPU
measure() {
	local way=$1 round=$2 kind=$3 bytes=$4 cpu=$5 stats=$LAB/tmp/stats
	[ "$way" != splice ] || weft 1 get stats -o json >"$stats"
	one_way "$way" "$kind" -c "$cpu" -m "$MS" -b "$bytes" "${HELPERS[@]}" >"$LAB/tmp/measured"
	# shellcheck disable=SC2016 # jq's own $
	jq -c --arg way "$way" --argjson round "$round" --arg kind "$kind" --argjson size "$bytes" --argjson cpu "$cpu" \
		--argjson share "$([ "$way" = splice ] && share "$stats" || echo null)" \
		'if .wrong > 0 then error("\(.wrong) messages were not what was sent") else . + {$way, $round, $kind, $size, $cpu, $share} end' \
		"$LAB/tmp/measured"
}

# Percent of the messages since then that went from socket to socket.
share() {
	weft 1 get stats -o json | jq --slurpfile before "$1" '
		def of($stats; $name): ($stats | map(select(.name == $name))[0].value) // 0;
		def since($name): of(.; $name) - of($before[0]; $name);
		since("splice_redirect_msgs") as $redirected | since("splice_pass_msgs") as $passed
		| if $redirected + $passed > 0 then 100 * $redirected / ($redirected + $passed) else 0 end'
}

# rounds KIND "BYTES..." WAY...: all ways in each round, each of them first in turn
rounds() {
	local kind=$1 sizes=$2 round size cpu way ways
	shift 2
	for size in $sizes; do
		for cpu in $CPUS; do
			say "$kind $size bytes, client on processor $cpu: $*"
			ways=("$@")
			for ((round = 0; round < ROUNDS; round++)); do
				for way in "${ways[@]}"; do measure "$way" "$round" "$kind" "$size" "$cpu"; done
				ways=("${ways[@]:1}" "${ways[0]}")
			done
		done
	done
}

# The middle of each row, and its ratios with quarters. Better is higher for "speed", lower for "cpu".
summary() {
	jq -s 'def quantile($q): sort | .[(length - 1) * $q | round];
		def quarters: {middle: quantile(0.5), low: quantile(0.25), high: quantile(0.75)};
		group_by([.kind, .size, .cpu, (.way | startswith("far"))]) | map(
			. as $all
			| def rows($way): [$all[] | select(.way == $way)] | sort_by(.round);
			def ratios($way; $to; f): if rows($to) == [] then null else
				[rows($way), rows($to)] | transpose | map((.[0] | f) / (.[1] | f)) | quarters end;
			.[0] as $one
			| (if $one.way | startswith("far") then "far-" else "" end) as $far
			| [["bare", "loopback", "unix", "service", "splice", "far-bare", "far-service", "far-splice"][] | . as $way | rows($way) | select(. != []) | {
				kind: $one.kind, size: $one.size, cpu: $one.cpu, way: $way,
				p50_us: (map(.p50_us) | quantile(0.5)), p99_us: (map(.p99_us) | quantile(0.5)),
				per_second: (map(.per_second) | quantile(0.5)), gbit: (map(.gbit) | quantile(0.5)),
				cpu_us: (map(.cpu_us) | quantile(0.5)), share: (if .[0].share then map(.share) | quarters + {least: min} else null end),
				speed_to_bare: ratios($way; $far + "bare"; .per_second), speed_to_unix: ratios($way; "unix"; .per_second),
				speed_to_service: ratios($way; $far + "service"; .per_second),
				p50_to_unix: (if $one.kind == "ask" then ratios($way; "unix"; .p50_us) else null end),
				cpu_to_bare: ratios($way; $far + "bare"; .cpu_us)}]) | add'
}

print_tables() {
	jq -r --arg first "${CPUS%% *}" 'def r: if . == null then "" elif . >= 100 then round else . * 100 | round / 100 end;
		def q: if . == null then "" else "\(.middle | r) (\(.low | r)-\(.high | r))" end;
		def size: if . >= 1048576 then "\(. / 1048576) MB" elif . >= 1024 then "\(. / 1024) KB" else "\(.) B" end;
		def where: if "\(.cpu)" == $first then "one" else "two" end;
		"", "Requests and answers by turns. Ratios: middle of the rounds (quarters).", "",
		"| bytes | CPUs | way | p50 us | p99 us | CPU us | rate / bare | rate / service | p50 / unix | CPU / bare | spliced |",
		"|---|---|---|---|---|---|---|---|---|---|---|",
		(.[] | select(.kind == "ask") | "| \(.size | size) | \(where) | \(.way) | \(.p50_us | r) | \(.p99_us | r) | \(.cpu_us | r) | \(.speed_to_bare | q) | \(.speed_to_service | q) | \(.p50_to_unix | q) | \(.cpu_to_bare | q) | \(if .share then "\(.share | q) %" else "" end) |"),
		"", "One way.", "",
		"| bytes | CPUs | way | Gbit/s | CPU us a write | rate / bare | rate / service | rate / unix | CPU / bare | spliced |",
		"|---|---|---|---|---|---|---|---|---|---|",
		(.[] | select(.kind == "send") | "| \(.size | size) | \(where) | \(.way) | \(.gbit | r) | \(.cpu_us | r) | \(.speed_to_bare | q) | \(.speed_to_service | q) | \(.speed_to_unix | q) | \(.cpu_to_bare | q) | \(if .share then "\(.share | q) %" else "" end) |")' "$1"
}

# What was aimed at, and what came of it.
print_targets() {
	jq -r --arg first "${CPUS%% *}" 'def r: . * 100 | round / 100;
		def where: if "\(.cpu)" == $first then "one" else "two" end;
		def line($what; $value; $ok): "| \($what) | \(where) | \($value | r) | \(if $ok then "yes" else "no" end) |";
		"", "| target | CPUs | measured | met |", "|---|---|---|---|",
		(.[] | select(.way == "splice" and .kind == "ask" and .size == 64) | line("p50 of 64 B at most 1.0 of unix"; .p50_to_unix.middle; .p50_to_unix.middle <= 1)),
		(.[] | select(.way == "splice" and .kind == "send" and (.size == 65536 or .size == 262144)) | line("one way in \(.size / 1024) KB at least 1.3 of unix"; .speed_to_unix.middle; .speed_to_unix.middle >= 1.3)),
		(.[] | select(.way == "splice" and .kind == "ask") | line("CPU of a request of \(.size) B at most 0.7 of bare"; .cpu_to_bare.middle; .cpu_to_bare.middle <= 0.7)),
		(.[] | select(.way == "far-splice") | line("\(if .kind == "ask" then "requests of" else "one way in" end) \(.size) B to another node at least 0.99 of bare"; .speed_to_bare.middle; .speed_to_bare.middle >= 0.99)),
		(.[] | select(.way == "far-splice") | line("\(if .kind == "ask" then "requests of" else "one way in" end) \(.size) B to another node at least 0.99 of a service without splice"; .speed_to_service.middle; .speed_to_service.middle >= 0.99))' "$1"
}

# A splice that did not happen is not measured. One way TCP takes over where the reader does not keep up.
check_shares() {
	jq -e --argjson least "$LEAST" 'all(.[] | select(.way == "splice"); if .kind == "ask" then .share.least >= $least else .share.high > 0 end)' "$1" >/dev/null ||
		die "not enough of the messages went from socket to socket"
}

bench() {
	local pid
	trap lab_destroy EXIT
	trap 'exit 130' INT TERM HUP
	# Packets that these handle for a connection cost it as much as those that it handles itself.
	for pid in $(ps -e -o pid=,comm= | awk '$2 ~ /^ksoftirqd/ { print $1 }'); do HELPERS+=(-k "$pid"); done
	make_lab
	weft_up
	mkdir -p "$(dirname "$OUT")"
	{
		rounds ask "$ASKS" "${NEAR[@]}"
		rounds send "$SENDS" "${NEAR[@]}"
		rounds ask "64 16384" "${FAR[@]}"
		rounds send "65536" "${FAR[@]}"
	} | summary >"$OUT"
	print_tables "$OUT"
	print_targets "$OUT"
	check_shares "$OUT"
	say "written to $OUT"
}

bench_main "$WEFT" "$PACE" -- "$@"
