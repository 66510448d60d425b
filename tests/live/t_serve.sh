#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the agent answers by HTTP: probes, metrics, and its status to 'weft get status'.

AT=127.0.0.1:19338

# fetch PATH [OPTION...]: the body; the status code is the last line.
fetch() {
	local path=$1
	shift
	ns_run node1 curl -s --max-time 5 -w '\n%{http_code}' "$@" "http://$AT$path"
}
fetch_code() { fetch "$@" -o /dev/null | tail -n 1; }

# metric NAME: its value; NAME with all of its labels, as Prometheus has them
metric() { fetch /metrics | awk -v name="$1" '{ value = $NF; sub(/ [^ ]*$/, "") } $0 == name { print value }'; }
# not less than before and at least so much more: grown NAME BEFORE LEAST
grown() { [ "$(metric "$1")" -ge $(($2 + $3)) ]; }

status_field() { weft 1 get status -o json | jq -r --arg name "$1" '.[] | select(.name == $name) | .'"$2"; }

serve_probes() {
	expose web 10 '' a1
	printf 'kind: [' | put bad.yaml
	agent_up 1
	is "$(fetch /healthz)" $'ok\n\n200' healthz
	is "$(fetch_code /readyz)" 503 "readyz while not all is known"
	matches "$(fetch /readyz)" 'not ready: not all that the source has was read yet.source: .*/bad.yaml:' readyz
	is "$(metric weft_ready) $(metric weft_source_complete)" "0 0"
	drop bad.yaml
	wait_for 5 is_ready || fail "not ready: $(fetch /readyz)"
	is "$(fetch /readyz)" $'ready\n\n200' readyz
	# What goes wrong later is told, and is no reason to take the node for broken.
	printf 'kind: [' | put service-web.yaml
	wait_for 5 tells_of_the_file || fail "readyz does not tell: $(fetch /readyz)"
	is "$(fetch_code /readyz)" 200 "readyz with a file that is wrong"
	is "$(does c1 tcp4 "connect=$(vip tcp4 10)" ask)" "connect ok; ask a1"
	is "$(fetch_code /nothing)" 404
	is "$(fetch_code /metrics -X POST -d x)" 405
	is "$(fetch_code /metrics -I)" 200 "HEAD"
	agent_end "$AGENT"
}
is_ready() { [ "$(fetch_code /readyz)" = 200 ]; }
tells_of_the_file() { fetch /readyz | grep -q '^source: .*/service-web.yaml:'; }

serve_metrics() {
	local puts events errors kind
	# One that is measured, and spliced: it has rows that others have not.
	expose web 10 'lb=ewma weft.dev/splice=auto' a1 b1
	agent_up 1
	check_metrics || fail "promtool complains"
	is "$(metric 'weft_source_objects{kind="Service"}') $(metric 'weft_source_objects{kind="EndpointSlice"}')" "1 2"
	is "$(metric 'weft_map_rows{map="services"}')" 4 "rows of services: TCP and UDP of both families"
	rows_are_those_of_the_kernel
	is "$(metric 'weft_map_rows_max{map="services"}')" "$(status_field map.services most)" "room"
	[ "$(metric process_resident_memory_bytes)" -gt 1000000 ] || fail "RSS: $(metric process_resident_memory_bytes)"
	[ "$(metric process_open_fds)" = "$(find "/proc/$AGENT/fd" -mindepth 1 | wc -l)" ] ||
		[ "$(metric process_open_fds)" = $(($(find "/proc/$AGENT/fd" -mindepth 1 | wc -l) + 1)) ] ||
		fail "open files: $(metric process_open_fds)"
	puts=$(metric 'weft_map_changes_total{operation="put"}') events=$(metric weft_source_events_total)
	errors=$(metric 'weft_source_errors_total{kind="parse"}')
	expose more 11 '' a2
	await 1 more 1
	wait_for 5 grown 'weft_map_changes_total{operation="put"}' "$puts" 5 || fail "puts do not grow from $puts"
	grown weft_source_events_total "$events" 2 || fail "events do not grow from $events"
	is "$(metric 'weft_source_objects{kind="Service"}')" 2
	kind=$(metric weft_source_last_event_timestamp_seconds)
	[ $(($(date +%s) - ${kind%.*})) -le 5 ] || fail "the last event was at $kind"
	printf 'kind: [' | put bad.yaml
	wait_for 5 grown 'weft_source_errors_total{kind="parse"}' "$errors" 1 || fail "errors do not grow"
	is "$(metric weft_source_healthy)" 0
	agent_end "$AGENT"
}

# Of every map of which both know how many rows it has.
rows_are_those_of_the_kernel() {
	local map known=0
	for map in $(fetch /metrics | sed -n 's/^weft_map_rows{map="\(.*\)"} .*/\1/p'); do
		[ -n "$(status_field "map.$map" value)" ] || continue
		is "$(metric "weft_map_rows{map=\"$map\"}")" "$(status_field "map.$map" value)" "rows of $map"
		known=$((known + 1))
	done
	[ "$known" -ge 8 ] || fail "only $known maps are known to both"
}

# promtool where it is to be had; the shape of the lines in any case.
check_metrics() {
	local promtool=/var/cache/weft/promtool
	fetch /metrics | sed '$d' >"$LAB/tmp/metrics"
	# fetch adds a line end of its own.
	sed -i '${/^$/d}' "$LAB/tmp/metrics"
	awk '!/^#/ && !/^[a-z_]+({[a-z]+="[^"]*"(,[a-z]+="[^"]*")*})? [0-9]+(\.[0-9]+)?$/ { print; bad = 1 } END { exit bad }' \
		"$LAB/tmp/metrics" || return 1
	promtool=$(command -v promtool || echo "$promtool")
	[ ! -x "$promtool" ] || "$promtool" check metrics <"$LAB/tmp/metrics"
}

# Slow, silent and many: nobody else waits, and what they hold is bounded.
serve_slow_clients() {
	local i began rss cpu
	expose web 10 '' a1
	agent_up 1
	rss=$(metric process_resident_memory_bytes) cpu=$(metric process_cpu_seconds_total)
	in_cgroup "$LAB_CGROUP/agents" node1 python3 "$LIVE/slow_clients.py" "${AT%:*}" "${AT#*:}" 200 >"$LAB/tmp/slow" 2>&1 </dev/null &
	wait_for 10 file_has "$LAB/tmp/slow" '^all there$' || fail "the slow clients do not come: $(<"$LAB/tmp/slow")"
	began=${EPOCHREALTIME/./}
	for ((i = 0; i < 20; i++)); do
		is "$(fetch_code /healthz)" 200 "healthz beside them"
	done
	[ $((${EPOCHREALTIME/./} - began)) -lt 3000000 ] || fail "20 probes took $((${EPOCHREALTIME/./} - began)) us"
	[ "$(metric process_open_fds)" -lt 120 ] || fail "they hold $(metric process_open_fds) files"
	[ $(($(metric process_resident_memory_bytes) - rss)) -lt 4000000 ] || fail "they hold memory"
	put_pods web a1 a2
	await 1 web 2
	# Those who send a byte now and then are gone after 10 seconds, too.
	wait_for 20 file_has "$LAB/tmp/slow" '^all gone$' || fail "slow clients stay: $(<"$LAB/tmp/slow")"
	cpu=$(jq -n "$(metric process_cpu_seconds_total) - $cpu")
	[ "${cpu%.*}" -lt 2 ] || fail "they took $cpu seconds of CPU"
	echo "$cpu s of CPU"
	agent_end "$AGENT"
}

serve_status() {
	expose web 10 '' a1
	weft_load 1
	is "$(status_field source value)" "not known"
	is "$(status_field source detail)" "no agent is at work"
	agent_up 1
	is "$(status_field source value) $(status_field source.complete value) $(status_field ready value)" "file yes yes"
	is "$(status_field source.objects value)" 3
	matches "$(status_field source.last_event value)" '^20..-..-..T..:..:..\.000Z$'
	printf 'kind: [' | put bad.yaml
	wait_for 5 status_tells bad.yaml || fail "status does not tell: $(weft 1 get status source)"
	is "$(status_field source.complete value)" no
	is "$(status_field source.errors value)" 1
	matches "$(weft 1 get status source)" "file +- +.*/bad.yaml:"
	# One that hangs must not make others hang.
	kill -STOP "$AGENT"
	matches "$(status_field source detail)" 'no agent answers: it is busy, or it hangs'
	kill -CONT "$AGENT"
	agent_kill "$AGENT"
	is "$(status_field agent value) $(status_field source value)" "not running not known"
	agent_up 1
	is "$(status_field source value)" "file" "after an agent that was killed"
	# From another network namespace it is not to be reached, and that is said.
	SAID=$(nsenter --net="$(ns_path node2)" -- "$WEFT" get status source --bpffs "$LAB_BPF/node1")
	matches "$SAID" 'no agent answers: .*in another network namespace'
	agent_end "$AGENT"
}
status_tells() { [[ $(status_field source detail) == *"/$1:"* ]]; }

# Whoever is not root hears nothing at the abstract socket, and nobody takes it in the agent's place unnoticed.
serve_peers() {
	local name squatter
	agent_up 1
	name=$(ns_run node1 ss -xlH | grep -o '@weft-agent-[^ ]*')
	is "$(ns_run node1 curl -s --abstract-unix-socket "${name#@}" http://weft/status | jq -r .source.kind)" file
	is "$(ns_run node1 setpriv --reuid 65534 --regid 65534 --clear-groups curl -s --abstract-unix-socket "${name#@}" http://weft/status)" \
		"only for root"
	agent_end "$AGENT"
	in_cgroup "$LAB_CGROUP/agents" node1 python3 -c '
import os, socket, sys, time
os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.bind("\0" + sys.argv[1])
s.listen()
print("listens", flush=True)
time.sleep(60)' "${name#@}" >"$LAB/tmp/squatter" 2>&1 </dev/null &
	squatter=$!
	wait_for 5 file_has "$LAB/tmp/squatter" listens || fail "nobody squats: $(<"$LAB/tmp/squatter")"
	agent_up 1
	file_has "$(agent_log 1)" "'weft get status' will not hear of the agent" || fail "the agent says nothing"
	is "$(status_field source detail)" "no agent answers: whoever answers is not root"
	agent_end "$AGENT"
	end "$squatter"
}

serve_places() {
	local other place
	in_cgroup "$LAB_CGROUP/agents" node1 python3 -m http.server -b "${AT%:*}" "${AT#*:}" >"$LAB/tmp/other" 2>&1 </dev/null &
	other=$!
	wait_for 5 somebody_listens || fail "nobody takes the port: $(<"$LAB/tmp/other")"
	agent_up 1
	file_has "$(agent_log 1)" "cannot listen at $AT: Address already in use.*; there are no metrics of this agent" ||
		fail "the agent does not say that its place is taken"
	is "$(status_field source value)" file "status without a port"
	agent_end "$AGENT"
	refuses 1 weft 1 agent --source "file:$LAB_SOURCE" --cgroup "$LAB_CGROUP/node1" --listen "$AT"
	matches "$SAID" "cannot listen at $AT: Address already in use; choose another place with --listen"
	end "$other"
	for place in 19338 127.0.0.1 127.0.0.1:0 127.0.0.1:65536 '127.0.0.1: 80' localhost:80 fd00::1:80 '[127.0.0.1]:80' unix:; do
		refuses 2 weft 1 agent --source "file:$LAB_SOURCE" --listen "$place"
		[[ $SAID == *"'$place' is nothing to listen at"* ]] || fail "said of $place: $SAID"
	done
	agent_up 1 --listen '[::1]:19400'
	is "$(ns_run node1 curl -s 'http://[::1]:19400/healthz')" ok
	is "$(fetch_code /healthz || true)" 000 "the place that was not chosen"
	agent_end "$AGENT"
	agent_up 1 --listen ":19400"
	is "$(ns_run node1 curl -s 'http://[::1]:19400/healthz') $(ns_run node1 curl -s 'http://127.0.0.1:19400/healthz')" "ok ok"
	agent_end "$AGENT"
	agent_up 1 --listen "unix:$LAB/tmp/weft.sock"
	is "$(curl -s --unix-socket "$LAB/tmp/weft.sock" http://weft/healthz)" ok
	# What one leaves behind that was killed does not stand in the way.
	agent_kill "$AGENT"
	agent_up 1 --listen "unix:$LAB/tmp/weft.sock"
	is "$(curl -s --unix-socket "$LAB/tmp/weft.sock" http://weft/healthz)" ok
	agent_end "$AGENT"
	[ ! -e "$LAB/tmp/weft.sock" ] || fail "the socket stays behind"
	agent_up 1 --listen off
	is "$(fetch_code /healthz || true)" 000 "off"
	agent_end "$AGENT"
}
somebody_listens() { [ -n "$(ns_run node1 ss -tlH "sport = :${AT#*:}")" ]; }

test_add serve/probes serve_probes
test_add serve/metrics serve_metrics
test_add serve/slow-clients serve_slow_clients
test_add serve/status serve_status
test_add serve/peers serve_peers
test_add serve/places serve_places
