#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sudo tests/bench/connect.sh: what weft costs and how quick it is, side by side in one run.
#
#   connect + request + close, from one pod to another: through the service (by weft), to the endpoint itself
#   from a cgroup without weft (bare), and to the endpoint itself under weft's hooks (passing)
#   nanoseconds of each hook; time from a renamed file to the first connect that sees it
set -euo pipefail

# shellcheck source=bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/bench.sh"

NET=$ROOT/build/live/net
ROUNDS=${ROUNDS:-15}
CONNECTS=${CONNECTS:-4000} # in each round and way
TURNS=${TURNS:-20}
OUT=${OUT:-$ROOT/build/bench/connect.json}
STATS=/proc/sys/kernel/bpf_stats_enabled
PORTS="http/TCP/80/8080 dns/UDP/80/8080"

usage() {
	cat <<-END
		usage: sudo tests/bench/connect.sh

		Prints tables, and writes them as JSON to OUT ($OUT).
		ROUNDS=$ROUNDS, CONNECTS=$CONNECTS of each round, TURNS=$TURNS can be set otherwise.
	END
}

# ---- setting up ----

on_exit() {
	echo "$STATS_BEFORE" >"$STATS"
	lab_destroy
}

make_lab() {
	local pod
	lab_make "weft-bench-$$" "$(mktemp -d /tmp/weft-bench-XXXXXX)"
	node_add 1
	for pod in client one two; do pod_add 1 "$pod"; done
	mkdir "$LAB_CGROUP/bare"
	for pod in one two; do
		pod_serve "$pod" "$ROOT/build/live/serve" "$pod" "tcp/$(pod_ip4 "$pod")/8080" "tcp/$(pod_ip6 "$pod")/8080" \
			"udp/$(pod_ip4 "$pod")/8080" "udp/$(pod_ip6 "$pod")/8080"
		wait_for 5 file_has "$LAB/log/$pod" serving || die "$pod does not serve"
	done
}

# Many services beside the one that is measured.
put_others() {
	jq -n --argjson count "$1" --arg pod "$(pod_ip4 one)" '{apiVersion: "v1", kind: "List", items: [range($count) |
		{apiVersion: "v1", kind: "Service", metadata: {name: "other-\(.)", namespace: "bench"},
		 spec: {clusterIP: "10.97.\(. / 250 | floor).\(1 + . % 250)", ports: [{name: "http", port: 80, targetPort: 8080}]}},
		{apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4",
		 metadata: {name: "other-\(.)", namespace: "bench", labels: {"kubernetes.io/service-name": "other-\(.)"}},
		 endpoints: [{addresses: [$pod], conditions: {ready: true}}], ports: [{name: "http", port: 8080}]}]}' | put others.json
}

has_services() { [ "$(weft 1 get services -o json | jq 'map(select(.protocol == "TCP" and (.address | contains(".")))) | length')" = "$1" ]; }

# ---- connects ----

one_way() {
	case $1 in
	weft) pod_run client "$NET" load -c "$CONNECTS" tcp4 "$(vip4 10)/80" ;;
	bare) (in_cgroup "$LAB_CGROUP/bare" client "$NET" load -c "$CONNECTS" tcp4 "$(pod_ip4 one)/8080") ;;
	passing) pod_run client "$NET" load -c "$CONNECTS" tcp4 "$(pod_ip4 one)/8080" ;;
	esac
}

# All ways in each round, so that what disturbs the machine disturbs all of them.
measure_connects() {
	local round way ways=(bare weft passing)
	for ((round = 0; round < ROUNDS; round++)); do
		for way in "${ways[@]}"; do
			one_way "$way" | jq -c --arg way "$way" --argjson round "$round" \
				'if .failures > 0 then error("\(.failures) failed") else {$way, $round, per_second, p50_us, p99_us} end'
		done
		ways=("${ways[@]:1}" "${ways[0]}")
	done | jq -s 'def median: sort | .[length / 2 | floor];
		def of($way): map(select(.way == $way));
		. as $all | of("bare") as $bare
		| ["bare", "weft", "passing"] | map(. as $way | ($all | of($way)) as $own | {
			way: $way,
			per_second: ($own | map(.per_second) | median),
			p50_us: ($own | map(.p50_us) | median),
			p99_us: ($own | map(.p99_us) | median),
			ratio_per_second: ([range($own | length)] | map(. as $i | ($own[$i].per_second / ($bare[] | select(.round == $own[$i].round).per_second))) | median),
			ratio_p50: ([range($own | length)] | map(. as $i | ($own[$i].p50_us / ($bare[] | select(.round == $own[$i].round).p50_us))) | median)})'
}

# ---- hooks ----

hook_times() {
	bpftool -j prog show | jq -c --argjson ids "$HOOK_IDS" \
		'[.[] | select(.id as $id | $ids | index($id)) | {name, ns: (.run_time_ns // 0), count: (.run_cnt // 0)}]'
}

measure_hooks() {
	local before pin peers=()
	HOOK_IDS=$(for pin in "$LAB_BPF"/node1/programs/*; do bpftool -j prog show pinned "$pin" | jq .id; done | jq -sc .)
	mapfile -t peers < <(yes peer | head -n 2000)
	echo 1 >"$STATS"
	before=$(hook_times)
	{
		pod_run client "$NET" load -c 20000 tcp4 "$(vip4 10)/80"
		pod_run client "$NET" load -c 20000 tcp6 "$(vip6 10)/80"
		pod_run client "$NET" load -u -c 5000 udp4 "$(vip4 10)/80"
		pod_run client "$NET" load -u -c 5000 udp6 "$(vip6 10)/80"
		pod_run client "$NET" "do" tcp4 "connect=$(vip4 10)/80" "${peers[@]}"
		pod_run client "$NET" "do" tcp6 "connect=$(vip6 10)/80" "${peers[@]}"
	} >/dev/null
	jq -nc --argjson a "$before" --argjson b "$(hook_times)" '[$b[] | . as $new | ($a[] | select(.name == $new.name)) as $old |
		{hook: (.name | ltrimstr("weft_")), runs: (.count - $old.count),
		 ns: (if .count > $old.count then (.ns - $old.ns) / (.count - $old.count) | round else null end)}]'
	echo "$STATS_BEFORE" >"$STATS"
}

# ---- changes ----

measure_turns() {
	local i pod
	for ((i = 0; i < TURNS; i++)); do
		pod=$([ $((i % 2)) = 0 ] && echo two || echo one)
		pods_yaml web "$PORTS" "" "$pod" >"$LAB/tmp/next"
		pod_run client "$NET" turn "$LAB/tmp/next" "$LAB_SOURCE/pods-web.yaml" tcp4 "$(vip4 10)/80" "$pod"
		# A change that follows on another's heels waits for the one before to be cleaned up; that is not measured.
		sleep 0.5
	done | jq -s '{changes: length, p50_us: (sort | .[length / 2 | floor]), max_us: max}'
	pods_yaml web "$PORTS" "" one | put pods-web.yaml
	sleep 0.5
}

# ---- telling ----

print_tables() {
	jq -r '
		def pad($n): tostring | . + " " * ([0, $n - length] | max);
		def lpad($n): tostring | " " * ([0, $n - length] | max) + .;
		def r($d): . * pow(10; $d) | round / pow(10; $d);
		.[] | "",
		"\(.services) service\(if .services > 1 then "s" else "" end)",
		"  \("connect + request + close" | pad(28))\("per second" | lpad(12))\("p50 us" | lpad(10))\("p99 us" | lpad(10))\("rate" | lpad(10))\("p50" | lpad(10))",
		(.connects[] | "  \({bare: "endpoint, without weft", weft: "service, by weft", passing: "endpoint, under weft"}[.way] | pad(28))\(.per_second | lpad(12))\(.p50_us | lpad(10))\(.p99_us | lpad(10))\("x\(.ratio_per_second | r(3))" | lpad(10))\("x\(.ratio_p50 | r(3))" | lpad(10))"),
		"  \("hook" | pad(28))\("runs" | lpad(12))\("ns" | lpad(10))",
		(.hooks[] | "  \(.hook | pad(28))\(.runs | lpad(12))\(.ns // "-" | lpad(10))"),
		"  from a renamed file to the connect that sees it: p50 \(.change.p50_us) us, slowest \(.change.max_us) us of \(.change.changes)"
	' "$1"
}

bench() {
	local services connects hooks change results=()
	STATS_BEFORE=$(<"$STATS")
	trap on_exit EXIT
	trap 'exit 130' INT TERM HUP
	make_lab
	put_service web 10 "$PORTS"
	pods_yaml web "$PORTS" "" one | put pods-web.yaml
	agent_up 1
	for services in 1 1000; do
		[ "$services" = 1 ] || put_others $((services - 1))
		wait_for 20 has_services "$services" || die "there are never $services services"
		say "measuring with $services services"
		connects=$(measure_connects)
		hooks=$(measure_hooks)
		change=$(measure_turns)
		results+=("$(jq -nc --argjson services "$services" --argjson connects "$connects" --argjson hooks "$hooks" \
			--argjson change "$change" '{$services, $connects, $hooks, $change}')")
	done
	mkdir -p "$(dirname "$OUT")"
	printf '%s\n' "${results[@]}" | jq -s . >"$OUT"
	print_tables "$OUT"
	say "written to $OUT"
}

bench_main "$WEFT" "$NET" -- "$@"
