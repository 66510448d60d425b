#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sudo tests/bench/scale.sh: what many services cost.
#
#   from the start of the agent to "ready", with all of them in one YAML list, in a file each, and in one JSON list
#   from a renamed file to the row; memory of the agent and of the maps
#   connects through a service among 1, 100, 1000 and all, beside connects to its endpoint without weft, in turns
set -euo pipefail

# shellcheck source=bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/bench.sh"

NET=$ROOT/build/live/net
CHANGE=$ROOT/build/live/change
SERVICES=${SERVICES:-10000}
ENDPOINTS=${ENDPOINTS:-10} # of each
STARTS=${STARTS:-3}	   # of the agent, for each form
CHANGES=${CHANGES:-300}
ROUNDS=${ROUNDS:-15}
CONNECTS=${CONNECTS:-4000} # in each round and way
OUT=${OUT:-$ROOT/build/bench/scale.json}
PORTS="http/TCP/80/8080"

usage() {
	cat <<-END
		usage: sudo tests/bench/scale.sh

		Prints tables, and writes them as JSON to OUT ($OUT).
		SERVICES=$SERVICES of ENDPOINTS=$ENDPOINTS each, STARTS=$STARTS, CHANGES=$CHANGES, ROUNDS=$ROUNDS, CONNECTS=$CONNECTS of each round
		can be set otherwise.
	END
}

# objects FORM COUNT DIRECTORY: services and slices as files; FORM is yaml, json or files
objects() {
	python3 - "$1" "$2" "$3" "$ENDPOINTS" <<-'END'
		import json, sys
		form, count, to, endpoints = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])

		def service(i):
		    return {"apiVersion": "v1", "kind": "Service",
		            "metadata": {"name": f"other-{i}", "namespace": "bench"},
		            "spec": {"clusterIP": f"10.97.{i // 250}.{i % 250 + 1}", "clusterIPs": [f"10.97.{i // 250}.{i % 250 + 1}"],
		                     "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]}}

		def slice(i, most):
		    pods = range(i * endpoints, i * endpoints + most)
		    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
		            "metadata": {"name": f"other-{i}-a", "namespace": "bench",
		                         "labels": {"kubernetes.io/service-name": f"other-{i}"}},
		            "addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
		            "endpoints": [{"addresses": [f"10.{128 + n // 65536}.{n // 256 % 256}.{n % 256}"],
		                           "conditions": {"ready": True, "serving": True, "terminating": False},
		                           "nodeName": f"node-{n % 100}"} for n in pods]}

		def yaml(value, indent):
		    out = []
		    for key, item in value.items():
		        if isinstance(item, dict):
		            out.append(f"{indent}{key}:\n{yaml(item, indent + '  ')}")
		        elif isinstance(item, list):
		            out.append(f"{indent}{key}:\n")
		            for one in item:
		                text = yaml(one, indent + "  ") if isinstance(one, dict) else f"{indent}  {one}\n"
		                out.append(f"{indent}- {text[len(indent) + 2:]}")
		        else:
		            out.append(f"{indent}{key}: {json.dumps(item)}\n")
		    return "".join(out)

		if form == "files":
		    for i in range(count):
		        with open(f"{to}/other-{i}.yaml", "w") as file:
		            file.write(f"{yaml(service(i), '')}---\n{yaml(slice(i, endpoints), '')}")
		    with open(f"{to}/../fewer", "w") as file:
		        file.write(f"{yaml(service(0), '')}---\n{yaml(slice(0, endpoints - 1), '')}")
		else:
		    items = [item for i in range(count) for item in (service(i), slice(i, endpoints))]
		    with open(f"{to}/others.{form}", "w") as file:
		        whole = {"apiVersion": "v1", "kind": "List", "items": items}
		        file.write(json.dumps(whole) if form == "json" else yaml(whole, ""))
	END
}

# The objects of the source are these, and those of the service that is measured.
put_objects() {
	rm -rf "${LAB_SOURCE:?}"/* "$LAB/tmp/objects"
	mkdir "$LAB/tmp/objects"
	objects "$1" "$2" "$LAB/tmp/objects"
	put_service web 10 "$PORTS"
	pods_yaml web "$PORTS" "" one | put pods-web.yaml
	# Too many for a command line.
	find "$LAB/tmp/objects" -type f -exec mv -t "$LAB_SOURCE" {} +
}

size_of_source() { du -sb --apparent-size "$LAB_SOURCE" | cut -f1; }

rss_kb() { awk -v field="$1" '$1 == field ":" { print $2 }' "/proc/$AGENT/status"; }

has_services() { [ "$(bpftool -j map dump pinned "$LAB_BPF/node1/services" | jq length)" -ge "$1" ]; }

# From nothing loaded to ready
start_once() {
	local begin
	begin=${EPOCHREALTIME/./}
	agent_up 1
	echo "$(((${EPOCHREALTIME/./} - begin) / 1000))"
}

measure_starts() {
	local form i took
	for form in json files yaml; do
		say "starting with $SERVICES services of $ENDPOINTS endpoints: $form"
		put_objects "$form" "$SERVICES"
		for ((i = 0; i < STARTS; i++)); do
			start_once >"$LAB/tmp/took"
			took=$(<"$LAB/tmp/took")
			has_services "$SERVICES" || die "not all services are in the kernel"
			jq -nc --arg form "$form" --argjson ms "$took" --argjson bytes "$(size_of_source)" \
				--argjson rss_kb "$(rss_kb VmRSS)" --argjson peak_kb "$(rss_kb VmHWM)" '{$form, $ms, $bytes, $rss_kb, $peak_kb}'
			agent_end "$AGENT"
			weft_unload 1 >/dev/null
		done
	done | jq -sc 'group_by(.form) | map({form: .[0].form, bytes: .[0].bytes, ms: (map(.ms) | sort | .[length / 2 | floor]),
		rss_mb: (map(.rss_kb) | max / 1024 | round), peak_mb: (map(.peak_kb) | max / 1024 | round)})'
}

map_memory() {
	local pin
	for pin in "$LAB_BPF"/node1/*; do
		[ -f "$pin" ] && bpftool -j map show pinned "$pin"
	done | jq -sc '{maps_mb: (map(.bytes_memlock // 0) | add / 1048576 | round)}'
}

measure_changes() {
	say "changing one service among $SERVICES, $CHANGES times"
	put_objects files "$SERVICES"
	agent_up 1
	cp "$LAB_SOURCE/other-0.yaml" "$LAB/tmp/whole"
	"$CHANGE" "$LAB_BPF/node1/services" 10.97.0.1 "$LAB/tmp/fewer" "$LAB/tmp/whole" "$LAB_SOURCE/other-0.yaml" "$CHANGES" >"$LAB/tmp/changes"
	jq -c --argjson rss_kb "$(rss_kb VmRSS)" --argjson maps "$(map_memory)" '. + {rss_mb: ($rss_kb / 1024 | round)} + $maps' "$LAB/tmp/changes"
	agent_end "$AGENT"
}

one_way() {
	case $1 in
	weft) pod_run client "$NET" load -c "$CONNECTS" tcp4 "$(vip4 10)/80" ;;
	bare) (in_cgroup "$LAB_CGROUP/bare" client "$NET" load -c "$CONNECTS" tcp4 "$(pod_ip4 one)/8080") ;;
	esac
}

measure_connects() {
	local count round way
	for count in 1 100 1000 "$SERVICES"; do
		say "connecting among $count services"
		weft_unload 1 >/dev/null || true
		put_objects json $((count - 1))
		agent_up 1
		has_services "$count" || die "not all services are in the kernel"
		for ((round = 0; round < ROUNDS; round++)); do
			for way in bare weft; do
				one_way "$way" | jq -c --arg way "$way" --argjson round "$round" --argjson services "$count" \
					'if .failures > 0 then error("\(.failures) failed") else {$services, $way, $round, per_second, p50_us} end'
			done
		done
		agent_end "$AGENT"
	done | jq -sc 'def median: sort | .[length / 2 | floor];
		group_by(.services) | map(. as $all | ($all | map(select(.way == "bare"))) as $bare | ($all | map(select(.way == "weft"))) as $weft
			| {services: .[0].services, per_second: ($weft | map(.per_second) | median), p50_us: ($weft | map(.p50_us) | median),
			ratio: ([range($weft | length)] | map($weft[.].per_second / $bare[.].per_second) | median)})'
}

print_tables() {
	jq -r 'def r: . * 1000 | round / 1000;
		"", "\(.services) services of \(.endpoints) endpoints", "",
		"| objects | bytes | start to ready | RSS | peak |", "|---|---|---|---|---|",
		(.starts[] | "| \({json: "one JSON list", yaml: "one YAML list", files: "a YAML file each"}[.form]) | \(.bytes) | \(.ms) ms | \(.rss_mb) MB | \(.peak_mb) MB |"),
		"", "\(.changes.changes) changes of one service: p50 \(.changes.p50_ms) ms, p99 \(.changes.p99_ms) ms, most \(.changes.most_ms) ms; RSS then \(.changes.rss_mb) MB; maps \(.changes.maps_mb) MB",
		"", "| services | connects per second | p50 us | rate / bare |", "|---|---|---|---|",
		(.connects[] | "| \(.services) | \(.per_second) | \(.p50_us) | \(.ratio | r) |")' "$1"
}

bench() {
	local starts changes connects pod
	trap lab_destroy EXIT
	trap 'exit 130' INT TERM HUP
	lab_make "weft-bench-$$" "$(mktemp -d /tmp/weft-bench-XXXXXX)"
	node_add 1
	for pod in client one; do pod_add 1 "$pod"; done
	mkdir "$LAB_CGROUP/bare"
	pod_serve one "$ROOT/build/live/serve" one "tcp/$(pod_ip4 one)/8080"
	wait_for 5 file_has "$LAB/log/one" serving || die "nobody serves"
	starts=$(measure_starts)
	changes=$(measure_changes)
	connects=$(measure_connects)
	mkdir -p "$(dirname "$OUT")"
	jq -n --argjson services "$SERVICES" --argjson endpoints "$ENDPOINTS" --argjson starts "$starts" \
		--argjson changes "$changes" --argjson connects "$connects" '{$services, $endpoints, $starts, $changes, $connects}' >"$OUT"
	print_tables "$OUT"
	say "written to $OUT"
}

bench_main "$WEFT" "$NET" "$CHANGE" -- "$@"
