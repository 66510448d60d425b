#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Draining: by hand and by Kubernetes. Nothing new comes, nothing old is torn.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

# What is open stays open and works; the drain needs no agent and outlives one.
drain_by_hand() {
	local kind=$1 endpoint report family=4
	[ "$kind" != tcp6 ] || family=6
	[ "$kind" = tcp6 ] && endpoint="[$(pod_ip6 a1)]:8080" || endpoint="$(pod_ip4 a1):8080"
	expose web 110 "lb=$2 weft.dev/ewma-decay=200ms" a1 b1
	agent_up 1
	# A connection to a1, found by asking.
	until_a1 "$kind"
	is "$(weft 1 drain "$endpoint" | grep TCP)" "$endpoint/TCP: draining, 1 connection left"
	mark 1
	report=$(load c1 -c 300 "$kind" "$(vip "$kind" 110)")
	clean "$report" 300
	is "$(names "$report")" b1
	counts 1 drained_used 0
	agent_kill "$AGENT"
	is "$(names "$(load c1 -c 100 "$kind" "$(vip "$kind" 110)")")" b1 "without an agent"
	agent_up 1
	is "$(names "$(load c1 -c 100 "$kind" "$(vip "$kind" 110)")")" b1 "with the next one"
	go_on
	heard "ask a1"
	heard pause
	go_on
	await_of web a1 connections 0 "$family"
	is "$(weft 1 undrain "$endpoint" | grep TCP)" "$endpoint/TCP: takes connections again"
	wait_for 5 takes_a1 "$kind" || fail "a1 takes nothing after undrain"
}

takes_a1() { [ "$(field "$(load c1 -c 200 "$1" "$(vip "$1" 110)")" '.by_name.a1 // 0')" -gt 0 ]; }

until_a1() {
	local i
	for ((i = 0; i < 50; i++)); do
		talk c1 "$1" "connect=$(vip "$1" 110)" ask pause ask pause
		heard "connect ok"
		heard "ask .*"
		[ "$HEARD" = "ask a1" ] && { heard pause; return; }
		kill "$TALK_PID" 2>/dev/null || true
		wait "$TALK_PID" 2>/dev/null || true
	done
	fail "a1 was never chosen"
}

drain_shown() {
	expose web 110 "" a1 b1
	agent_up 1
	weft 1 drain "$(pod_ip4 a1)" >/dev/null
	is "$(weft 1 get endpoints -o json | jq -rc --arg a "$(pod_ip4 a1)" 'map(select(.address == $a) | "\(.protocol) \(.health) \(.why)") | sort')" \
		'["TCP draining drained by hand","UDP draining drained by hand"]' "an address without a port is all its ports"
	is "$(of web a1 health 6)" active
	matches "$(weft 1 get endpoints -o wide)" "draining +drained by hand"
	is "$(weft 1 drain "$(pod_ip4 a1):8080" -o json | jq -c 'map([.protocol, .draining, .connections]) | sort')" \
		'[["TCP",true,0],["UDP",true,0]]' "draining twice"
	weft 1 undrain "$(pod_ip4 a1):8080" >/dev/null
	weft 1 undrain "$(pod_ip4 a1):8080" >/dev/null
	is "$(of web a1 health)" active
}

# --wait ends when the last connection does, and tells how many are left.
drain_wait() {
	expose_odd web 110 "" a1
	odd a1
	agent_up 1
	hold c1 one 3 "$(vip4 110)/80"
	hold c1 two 2 "$(vip4 110)/80"
	refuses 1 weft 1 drain "$(pod_ip4 a1):7000" --wait --timeout 1
	matches "$SAID" "5 connections left"
	matches "$SAID" "5 connections left after 1 s; it stays drained"
	weft 1 drain "$(pod_ip4 a1):7000" --wait >"$LAB/tmp/out" 2>"$LAB/tmp/progress" &
	sleep 0.3
	let_go one
	sleep 0.5
	is_gone "$!" && fail "it did not wait"
	let_go two
	wait "$!" || fail "--wait failed: $(<"$LAB/tmp/progress")"
	is "$(<"$LAB/tmp/out")" "$(pod_ip4 a1):7000/TCP: draining, 0 connections left"
	is "$(paste -sd, "$LAB/tmp/progress")" "5 connections left,2 connections left" "progress"
}

# Where nothing else is left, a drained endpoint is better than a refusal.
drain_all() {
	expose web 110 "" a1 b1
	agent_up 1
	weft 1 drain "$(pod_ip4 a1)" >/dev/null
	weft 1 drain "$(pod_ip4 b1)" >/dev/null
	mark 1
	clean "$(load c1 -c 100 tcp4 "$(vip4 110)/80")" 100
	counts 1 drained_used 100
}

# UDP sockets stay with a drained endpoint, new ones go elsewhere.
drain_udp() {
	expose web 110 "" a1
	agent_up 1
	talk c1 udp4 "send=$(vip4 110)/80" recv pause "send=$(vip4 110)/80" recv
	heard "send ok"
	heard "recv a1.*"
	heard pause
	put_pods web a1 b1
	await 1 web 2
	weft 1 drain "$(pod_ip4 a1)" >/dev/null
	is "$(names "$(load c2 -u -c 100 udp4 "$(vip4 110)/80")")" b1
	go_on
	heard "send ok"
	heard "recv a1.*"
}

# An endpoint that terminates shows what is left on it.
drain_terminating() {
	expose_odd web 110 "" a1 b1
	odd a1
	odd b1
	agent_up 1
	hold c1 held 20 "$(vip4 110)/80"
	pods_yaml web "$ODD_PORTS" "" a1,terminating b1 | put pods-web.yaml
	await_of web a1 health draining
	is "$(of web a1 why) $(of web a1 connections)" "terminating $(ns_run c1 ss -Htn state established dst "$(pod_ip4 a1)" dport = :7000 | wc -l)"
	is "$(names "$(exchanges c1 -n 100 "$(vip4 110)/80")")" b1
	let_go held
	await_of web a1 connections 0
}

# The pod that comes after it, at the same address, is another endpoint.
drain_successor() {
	expose web 110 "" a1 b1
	agent_up 1
	weft 1 drain "$(pod_ip4 a1)" >/dev/null
	pods_yaml web "$PORTS_BOTH" "" a1 b1 | sed 's/uid-a1/uid-next/' | put pods-web.yaml
	await_of web a1 health active
	is "$(names "$(load c1 -c 200 tcp4 "$(vip4 110)/80")")" "a1 b1"
	wait_for 5 no_drains || fail "the drain of an endpoint that is gone stays: $(bpftool -j map dump pinned "$LAB_BPF/node1/drains")"
}

no_drains() { [ "$(bpftool -j map dump pinned "$LAB_BPF/node1/drains" | jq length)" = 0 ]; }

drain_misuse() {
	expose web 110 "" a1
	refuses 1 weft 1 drain 10.0.0.1:80
	matches "$SAID" "not loaded"
	agent_up 1
	refuses 1 weft 1 drain 10.0.0.1:80
	matches "$SAID" "there is no endpoint 10.0.0.1:80; 'weft get endpoints' lists them"
	refuses 2 weft 1 drain nonsense
	matches "$SAID" "is no endpoint; give ADDRESS:PORT"
	refuses 2 weft 1 drain
	refuses 2 weft 1 drain "$(pod_ip4 a1)" --timeout never
	matches "$SAID" "'never' is no time"
	refuses 2 weft 1 drain "$(pod_ip4 a1)" --timeout 3
	matches "$SAID" "--timeout is for --wait"
}

for algorithm in random round_robin least_conn ewma; do test_add "drain/by-hand-$algorithm" drain_by_hand tcp4 "$algorithm"; done
test_add drain/by-hand-tcp6 drain_by_hand tcp6 random
test_add drain/shown drain_shown
test_add drain/wait drain_wait
test_add drain/all drain_all
test_add drain/udp drain_udp
test_add drain/terminating drain_terminating
test_add drain/successor drain_successor
test_add drain/misuse drain_misuse
