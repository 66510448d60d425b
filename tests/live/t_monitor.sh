#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# weft monitor: each kind of event made for real, filters, and readers that are slow, stopped or killed.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

SOON="weft.dev/base-ejection-time=400ms"

# watch NAME OPTION...: a monitor in the background, which is listening when this returns. Its process id is in WATCHING.
watch() {
	local out=$LAB/tmp/$1
	shift
	rm -f "$out.err"
	in_cgroup "$LAB_CGROUP/agents" node1 "$WEFT" monitor --bpffs "$LAB_BPF/node1" -v "$@" >"$out" 2>"$out.err" </dev/null &
	WATCHING=$!
	wait_for 5 file_has "$out.err" listening || fail "it does not listen: $(<"$out.err")"
}

# unwatch: it ends as asked, with 0
unwatch() {
	local status=0
	kill -INT "$WATCHING"
	wait "$WATCHING" || status=$?
	is "$status" 0 "status of an interrupted monitor"
}

# happened NAME FILTER: until a line of JSON passes the filter of jq; the first one is in LINE.
happened() {
	wait_for 5 find_line "$@" >/dev/null || fail "nothing that is $2: $(<"$LAB/tmp/$1")"
	LINE=$(find_line "$@")
}
find_line() { jq -cse "map(select($2)) | first // empty" "$LAB/tmp/$1"; }

# tells FIELDS WANTED: what the line says
tells() { is "$(field "$LINE" "[$1] | map(. // \"-\" | tostring) | join(\" \")")" "$2" "$LINE"; }

told() { jq -s "map(select($2)) | length" "$LAB/tmp/$1"; }

monitor_refused() {
	local kind=$1
	expose web 80 ""
	agent_up 1
	await 1 web 0
	watch all -o json
	does c1 "$kind" "connect=$(vip "$kind" 80)" >/dev/null
	happened all '.kind == "refused"'
	tells '.namespace, .service, .service_address, .service_port, .program' "live web $(vip "$kind" 80 | tr / ' ') net"
	[ "$(field "$LINE" .pid)" -gt 0 ] || fail "nobody's: $LINE"
	matches "$(field "$LINE" .time)" "^$(date -u +%Y-%m-%dT%H:)"
	unwatch
}

# Out, spared, out again by its probe, and back.
monitor_ejected() {
	local a2
	expose_odd web 81 "$SOON weft.dev/max-ejection-percent=30 weft.dev/panic-threshold=0" a1 a2 b1
	a2=$(pod_ip4 a2)
	odd b1
	agent_plain 1
	watch all -o json
	exchanges c1 -n 60 "$(vip4 81)/80" >/dev/null
	happened all '.kind == "ejected" and .failures == 5'
	tells '.service, .port, .protocol, .cause, .ejected_ms' "web 7000 TCP refused 400"
	happened all '.kind == "spared"'
	tells '.service, .cause, .failures' "web refused 5"
	sleep 0.4
	exchanges c1 -n 30 "$(vip4 81)/80" >/dev/null
	happened all '.kind == "ejected" and .failures == null'
	tells '.cause, .ejected_ms' "refused 800"
	odd a1
	odd a2
	wait_for 5 comes_back || fail "none came back"
	tells '.service, .port' "web 7000"
	find_line all ".kind == \"ejected\" and (.address == \"$a2\" or .address == \"$(pod_ip4 a1)\")" >/dev/null ||
		fail "who was ejected? $(<"$LAB/tmp/all")"
	# As many as were counted, and none more.
	is "$(told all '.kind == "ejected"') $(told all '.kind == "spared"')" \
		"$(weft 1 get stats ejected -o json | jq '.[0].value') $(weft 1 get stats ejection_spared -o json | jq '.[0].value')"
	unwatch
}

comes_back() {
	exchanges c1 -n 10 "$(vip4 81)/80" >/dev/null
	LINE=$(find_line all '.kind == "readmitted"')
}

# From which endpoint to which, and whose connect it was.
monitor_rescued() {
	local kind=$1 filtered
	expose_odd web 82 "weft.dev/consecutive-failures=0" a1 b1
	odd b1
	agent_up 1
	watch all -o json --kind rescued,ejected --service live/web --endpoint "$(pod_ip "$kind" a1)"
	exchanges c1 -n 30 "$(vip "$kind" 82)" >/dev/null
	happened all '.kind == "rescued"'
	tells '.service, .address, .port, .to_address, .to_port, .client_address, .cause, .failures' \
		"web $(pod_ip "$kind" a1) 7000 $(pod_ip "$kind" b1) 7000 $(pod_ip "$kind" c1) refused 1"
	[ "$(field "$LINE" .client_port)" -gt 1023 ] || fail "from which port? $LINE"
	wait_for 2 as_many_as_rescued || fail "$(weft 1 get stats rescued) but told $(told all '.kind == "rescued"')"
	unwatch
	# Of another service, of another endpoint, of another kind: nothing.
	for filtered in "--service live/other" "-n other" "--endpoint 10.1.1.1" "--kind refused" \
		"--endpoint $(if [ "$kind" = tcp6 ]; then echo "[$(pod_ip6 a1)]"; else pod_ip4 a1; fi):7001"; do
		# shellcheck disable=SC2086 # words
		watch none $filtered
		exchanges c1 -n 10 "$(vip "$kind" 82)" >/dev/null
		unwatch
		is "$(<"$LAB/tmp/none")" "" "with $filtered"
	done
}

as_many_as_rescued() { [ "$(told all '.kind == "rescued"')" = "$(weft 1 get stats rescued -o json | jq '.[0].value')" ]; }

monitor_healed() {
	local kind=$1
	expose web 83 "" a1
	agent_up 1
	await 1 web 1
	watch all -o json
	talk c1 "$kind" "connect=$(vip "$kind" 83)" ask pause ask pause ask
	heard "connect ok"
	heard "ask a1"
	heard pause
	put_pods web b1
	happened all ".kind == \"endpoint_removed\" and .address == \"$(pod_ip "$kind" a1)\" and .protocol == \"UDP\""
	go_on
	heard "ask b1"
	happened all '.kind == "healed"'
	tells '.service, .address, .port, .to_address, .to_port, .client_address, .protocol' \
		"web $(pod_ip "$kind" a1) 8080 $(pod_ip "$kind" b1) 8080 $(pod_ip "$kind" c1) UDP"
	heard pause
	put_pods web a2
	happened all ".kind == \"endpoint_removed\" and .address == \"$(pod_ip "$kind" b1)\" and .protocol == \"UDP\""
	go_on
	heard "ask a2"
	happened all ".kind == \"healed\" and .address == \"$(pod_ip "$kind" b1)\""
	tells '.to_address, .to_port' "$(pod_ip "$kind" a2) 8080"
	unwatch
}

monitor_rows() {
	agent_up 1
	watch all -o json
	watch_of_others
	expose web 84 "" a1
	happened all '.kind == "service_added" and .service == "web" and .protocol == "TCP"'
	happened all ".kind == \"endpoint_added\" and .address == \"$(pod_ip4 a1)\""
	tells '.service, .port' "web 8080"
	expose web 84 "lb=least_conn" a1 b1,notready
	happened all '.kind == "service_changed"'
	tells '.service, .change' "web random -> least_conn"
	happened all ".kind == \"endpoint_added\" and .address == \"$(pod_ip4 b1)\""
	tells '.change' "not_ready, weight 1, on node2"
	put_pods web a1 b1
	happened all ".kind == \"endpoint_changed\" and .address == \"$(pod_ip4 b1)\""
	tells '.change' "not_ready -> ready, takes new connections"
	weft 1 drain "$(pod_ip4 a1):8080" >/dev/null
	happened all '.kind == "drained"'
	tells '.service, .address, .port' "web $(pod_ip4 a1) 8080"
	weft 1 undrain "$(pod_ip4 a1):8080" >/dev/null
	happened all '.kind == "undrained"'
	drop service-web.yaml
	drop pods-web.yaml
	happened all '.kind == "service_removed"'
	happened all ".kind == \"endpoint_removed\" and .address == \"$(pod_ip4 a1)\""
	unwatch
}

# There is one reader, and the other is told who.
watch_of_others() {
	refuses 1 weft 1 monitor
	matches "$SAID" "process $WATCHING reads"
}

# A reader that stands still loses events, the kernel's traffic nothing; all are told or counted, also those from when the
# kernel had given it up.
monitor_slow() {
	local report lost
	expose empty 85 ""
	expose web 86 "" a1 b1
	agent_up 1
	await 1 web 2
	await 1 empty 0
	watch all -o json --kind refused
	mark 1
	kill -STOP "$WATCHING"
	load_start c2 busy -d 5 tcp4 "$(vip tcp4 86)"
	load c1 -c 4000 tcp4 "$(vip tcp4 85)" >/dev/null 2>&1
	counts_least 1 monitor_lost 1
	sleep 4
	lost=$(counted 1 monitor_lost)
	load c1 -c 50 tcp4 "$(vip tcp4 85)" >/dev/null 2>&1
	is "$(counted 1 monitor_lost)" "$lost" "lost after the lease"
	kill -CONT "$WATCHING"
	wait_for 5 all_are_told 4050 || fail "told $(told all '.kind == "refused"'), lost $(lost_in all) of 4050"
	happened all '.kind == "lost"'
	report=$(load_end busy)
	clean "$report" 100
	# It goes on as if nothing had been.
	load c1 -c 10 tcp4 "$(vip tcp4 85)" >/dev/null 2>&1
	wait_for 5 all_are_told 4060 || fail "nothing comes any more"
	unwatch
	[ "$(told all '.kind == "refused"')" -gt 1000 ] || fail "too few were told to mean anything"
}

lost_in() { jq -s 'map(.lost // 0) | add' "$LAB/tmp/$1"; }
all_are_told() { [ $(($(told all '.kind == "refused"') + $(lost_in all))) = "$1" ]; }

# Whoever does not read the output stops the lines, not the lease: what did not fit is counted when it was.
monitor_blocked() {
	expose empty 85 ""
	agent_up 1
	await 1 empty 0
	mkfifo "$LAB/tmp/pipe"
	exec {PIPE}<>"$LAB/tmp/pipe"
	in_cgroup "$LAB_CGROUP/agents" node1 "$WEFT" monitor --bpffs "$LAB_BPF/node1" -v -o json --kind refused \
		>"$LAB/tmp/pipe" 2>"$LAB/tmp/blocked.err" </dev/null &
	WATCHING=$!
	wait_for 5 file_has "$LAB/tmp/blocked.err" listening
	mark 1
	load c1 -c 5000 tcp4 "$(vip tcp4 85)" >/dev/null 2>&1
	counts_least 1 monitor_lost 1
	cat <&"$PIPE" >"$LAB/tmp/all" &
	wait_for 5 all_are_told 5000 || fail "told $(told all '.kind == "refused"'), lost $(lost_in all) of 5000"
	unwatch
}

# kill -9: another one reads at once; and without another one the kernel stops writing.
monitor_killed() {
	expose empty 85 ""
	agent_up 1
	await 1 empty 0
	watch first -o json
	does c1 tcp4 "connect=$(vip tcp4 85)" >/dev/null
	happened first '.kind == "refused"'
	kill -KILL "$WATCHING"
	wait "$WATCHING" 2>/dev/null || true
	does c1 tcp4 "connect=$(vip tcp4 85)" >/dev/null
	watch second -o json
	does c1 tcp4 "connect=$(vip tcp4 85)" >/dev/null
	happened second '.kind == "refused"'
	is "$(told second '.kind == "refused"')" 1 "events of the second one"
	kill -KILL "$WATCHING"
	wait "$WATCHING" 2>/dev/null || true
	sleep 4
	mark 1
	# More than the ring holds: were they written, some would be lost.
	load c1 -c 5000 tcp4 "$(vip tcp4 85)" >/dev/null 2>&1
	counts 1 monitor_lost 0
	counts 1 refused_empty 5000
	watch third -o json
	unwatch
	is "$(<"$LAB/tmp/third")" "" "what the third one is told of the past"
	is "$(bpftool -j map dump pinned "$LAB_BPF/node1/monitoring" | jq -c '.[0].formatted.value | [.until_ns, .kinds]')" "[0,0]"
}

# A pipe that breaks ends it without a word; an unload with one.
monitor_ends() {
	local status=0
	expose empty 85 ""
	agent_up 1
	await 1 empty 0
	refuses 2 weft 1 monitor --kind nothing
	refuses 2 weft 1 monitor --endpoint nowhere
	refuses 2 weft 1 monitor -o yaml
	refuses 1 "$WEFT" monitor --bpffs "$LAB_BPF/node2"
	# shellcheck disable=SC2016 # expanded there, not here
	SAID=$(timeout 10 bash -c 'set -o pipefail; "$0" monitor --bpffs "$1" 2>&1 | true' "$WEFT" "$LAB_BPF/node1") ||
		fail "status $? of a broken pipe"
	is "$SAID" "" "what it says of a broken pipe"
	watch lines
	does c1 tcp4 "connect=$(vip tcp4 85)" >/dev/null
	wait_for 5 file_has "$LAB/tmp/lines" "^20.*Z refused *live/empty $(vip4 85):80 no endpoint.* net (process" ||
		fail "no such line: $(<"$LAB/tmp/lines")"
	agent_end "$AGENT"
	weft_unload 1
	wait "$WATCHING" || status=$?
	is "$status" 1 "status after an unload"
	file_has "$LAB/tmp/lines.err" "weft was unloaded" || fail "no word of it: $(<"$LAB/tmp/lines.err")"
}

test_add monitor/refused-tcp4 monitor_refused tcp4
test_add monitor/refused-udp6 monitor_refused udp6
test_add monitor/ejected monitor_ejected
test_add monitor/rescued-tcp4 monitor_rescued tcp4
test_add monitor/rescued-tcp6 monitor_rescued tcp6
test_add monitor/healed-udp4 monitor_healed udp4
test_add monitor/healed-udp6 monitor_healed udp6
test_add monitor/rows monitor_rows
test_add monitor/slow monitor_slow
test_add monitor/blocked monitor_blocked
test_add monitor/killed monitor_killed
test_add monitor/ends monitor_ends
