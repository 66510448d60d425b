#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What is a failure of an endpoint and what is not, how many of them eject it, and how it is tried again. Most
# services here have one endpoint, so that every connect goes to it and the row of failures is known exactly.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

# asks KIND COUNT: so many connects with one exchange each, one after the other; what became of them.
asks() { load c1 -c "$2" "$1" "$(vip "$1" 55)" | jq -r '"\(.requests - .failures) answered, \(.failures) failed"'; }

family_of() { case $1 in *6) echo 6 ;; *) echo 4 ;; esac; }

# Four failures, a success, four failures: never five in a row. The fifth in a row ejects, and not one before.
verdict_in_a_row() {
	local kind=$1 bad=$2 reason=$3 why=$4 family
	family=$(family_of "$kind")
	expose_odd web 55 "" a1
	moody a1
	agent_plain 1
	mark 1
	mood a1 "$bad"
	is "$(asks "$kind" 4)" "0 answered, 4 failed"
	mood a1 answer
	is "$(asks "$kind" 1)" "1 answered, 0 failed"
	mood a1 "$bad"
	is "$(asks "$kind" 4)" "0 answered, 4 failed"
	counts 1 "$reason" 8
	counts 1 ejected 0
	is "$(of web a1 health "$family") $(of web a1 "$why" "$family")" "active 8"
	is "$(asks "$kind" 1)" "0 answered, 1 failed"
	counts 1 "$reason" 9
	counts 1 ejected 1
	is "$(of web a1 health "$family") $(of web a1 why "$family")" "ejected $why"
	is "$(of web a1 connections "$family")" 0 "connections left"
	# Nothing else was counted of it.
	is "$(($(counted 1 connect_refused) + $(counted 1 connection_reset) + $(counted 1 connect_timed_out) + $(counted 1 connection_stalled)))" 9
}

# A connection that was open and is closed in order is a success, though nothing was said.
verdict_clean_end() {
	local i
	expose_odd web 55 "" a1
	moody a1 refuse
	agent_plain 1
	mark 1
	for i in 1 2 3; do
		is "$(asks tcp4 4)" "0 answered, 4 failed" "round $i"
		mood a1 answer
		open_and_close
		mood a1 refuse
	done
	counts 1 connect_refused 12
	counts 1 ejected 0
	is "$(asks tcp4 5)" "0 answered, 5 failed"
	counts 1 ejected 1
}

# bash closes with a FIN; `net` would reset.
# shellcheck disable=SC2016 # expanded there
open_and_close() { pod_run c1 bash -c 'exec 3<>"/dev/tcp/$1/80" && exec 3>&-' open "$(vip4 55)"; }

# A client that resets connections before it was answered says nothing bad of the endpoint.
verdict_client_resets() {
	local i steps=()
	expose_odd web 55 "weft.dev/consecutive-failures=1" a1
	moody a1 hang
	agent_plain 1
	mark 1
	for ((i = 0; i < 20; i++)); do steps+=("connect=$(vip4 55)/80" socket); done
	is "$(does c1 tcp4 "${steps[@]}" | tr ';' '\n' | grep -c 'connect ok')" 20 "connections that were open"
	is "$(of web a1 established)" 20
	is "$(of web a1 connections)" 0 "connections left"
	counts 1 connection_reset 0
	counts 1 connect_refused 0
	counts 1 ejected 0
}

# Nor anything good: a connection that nobody answered and nobody closed in order does not end the row.
verdict_client_reset_in_row() {
	expose_odd web 55 "" a1
	moody a1 refuse
	agent_plain 1
	mark 1
	is "$(asks tcp4 4)" "0 answered, 4 failed"
	mood a1 hang
	is "$(does c1 tcp4 "connect=$(vip4 55)/80" ask)" "connect ok; ask ETIMEDOUT"
	mood a1 refuse
	is "$(asks tcp4 1)" "0 answered, 1 failed"
	counts 1 connect_refused 5
	counts 1 ejected 1
}

# An endpoint that takes connections and says nothing stays out: its probe was not answered.
verdict_hanging_probe() {
	# Long enough for the first clients to be through with before it comes back, on a busy machine too.
	expose_odd web 55 "weft.dev/base-ejection-time=3s weft.dev/consecutive-failures=1" a1 b1
	moody a1
	moody b1 refuse
	agent_plain 1
	mark 1
	is "$(field "$(load c1 -c 30 tcp4 "$(vip4 55)/80")" .failures)" 1
	mood b1 hang
	sleep 3.1
	# One of these is the probe, and gives up in the end.
	wait_for 10 has_probed || fail "it was never tried"
	counts 1 readmitted 0
	is "$(of web b1 health)" probing
	clean "$(load c1 -c 20 tcp4 "$(vip4 55)/80")" 20
	counts 1 probed 1
}

has_probed() {
	does c1 tcp4 "connect=$(vip4 55)/80" ask >/dev/null
	[ "$(counted 1 probed)" = 1 ]
}

# A reset behind an answer is no failure.
verdict_torn() {
	local kind=$1 family
	family=$(family_of "$kind")
	expose_odd web 55 "weft.dev/consecutive-failures=1" a1
	moody a1 tear
	agent_plain 1
	mark 1
	is "$(asks "$kind" 20)" "20 answered, 0 failed"
	wait_for 5 has_of web a1 connections 0 "$family" || fail "connections are left: $(of web a1 connections "$family")"
	counts 1 connection_reset 0
	counts 1 ejected 0
	is "$(of web a1 reset "$family") $(of web a1 health "$family")" "0 active"
}

# An endpoint that does not read is slow, not dead: its kernel answers each probe of the shut window.
verdict_shut_window() {
	expose_odd web 55 "weft.dev/consecutive-failures=1 weft.dev/data-retransmits=1" a1
	moody a1 hang
	agent_plain 1
	mark 1
	# shellcheck disable=SC2016 # expanded there
	pod_start c1 "$LAB/tmp/writer" bash -c 'exec cat /dev/zero >"/dev/tcp/$1/80"' writer "$(vip4 55)"
	wait_for 5 window_is_shut || fail "the window is never shut: $(sockets_of c1)"
	sleep 2
	window_is_shut || fail "the window has opened: $(sockets_of c1)"
	counts 1 connection_stalled 0
	counts 1 ejected 0
	is "$(of web a1 connections) $(of web a1 health)" "1 active"
	kill -KILL "$STARTED"
	wait "$STARTED" 2>/dev/null || true
}

sockets_of() { ns_run "$1" ss -Htno dport = :7000; }
window_is_shut() { [[ $(sockets_of c1) == *timer:\(persist* ]]; }

# A server that accepts no more: its queue is full, and further SYNs are dropped.
verdict_full() {
	local kind=$1 family
	family=$(family_of "$kind")
	expose_odd web 55 "$SOON_BACK weft.dev/consecutive-failures=2" a1 b1
	moody a1
	moody b1 full
	agent_plain 1
	mark 1
	pod_start c1 "$LAB/tmp/stuck" "$EXCHANGE" ask -t 20 -n 1 "$(vip "$kind" 55)"
	wait_for 5 has_counted ejected 1 || fail "nothing is ejected"
	is "$(of web b1 why "$family")" timed_out
	counts_least 1 connect_timed_out 2
	counts 1 connect_refused 0
	is "$(of web a1 timed_out "$family")" 0 "time-outs of the other"
	mood b1 answer
	kill -KILL "$STARTED"
	wait "$STARTED" 2>/dev/null || true
	wait_for 5 is_back_at "$kind" b1 || fail "b1 never came back"
	counts_least 1 readmitted 1
}

SOON_BACK="weft.dev/base-ejection-time=400ms"

has_counted() { [ "$(counted 1 "$1")" -ge "$2" ]; }
is_back_at() { [ "$(field "$(load c1 -c 20 "$1" "$(vip "$1" 55)")" ".by_name.$2 // 0")" -gt 0 ]; }

# A router that knows no way there: an ICMP error is as good as a RST. (The kernel takes the one that answers the first
# SYN for no more than a hint if connect() still holds the socket, as it does here: the second SYN's ends it.)
verdict_unreachable() {
	local kind=$1 family
	family=$(family_of "$kind")
	expose_odd web 55 "weft.dev/consecutive-failures=1 weft.dev/syn-retransmits=2" a1 b1
	moody a1
	moody b1
	agent_plain 1
	mark 1
	trap routed EXIT
	ip -n "$LAB_NS-node1" route add unreachable "$(pod_ip4 b1)/32"
	ip -n "$LAB_NS-node1" route add unreachable "$(pod_ip6 b1)/128"
	matches "$(load c1 -c 100 "$kind" "$(vip "$kind" 55)" | jq -c .errors)" '^\{"E(HOST|NET)UNREACH":1\}$' "failed connects"
	is "$(of web b1 health "$family") $(of web b1 why "$family") $(of web b1 refused "$family")" "ejected refused 1"
	counts 1 connect_refused 1
	counts 1 connect_timed_out 0
	counts 1 ejected 1
}

routed() {
	ip -n "$LAB_NS-node1" route del unreachable "$(pod_ip4 b1)/32" 2>/dev/null || true
	ip -n "$LAB_NS-node1" route del unreachable "$(pod_ip6 b1)/128" 2>/dev/null || true
}

# The SYN's second retransmission is the failure where that is asked for; who gives up before it leaves none.
verdict_syn_retransmits() {
	expose_odd web 55 "weft.dev/syn-retransmits=2" a1
	moody a1
	agent_plain 1
	mark 1
	mute a1 c1
	# shellcheck disable=SC2016 # expanded there
	refuses 124 pod_run c1 timeout 1.5 bash -c 'exec 3<>"/dev/tcp/$1/80"' open "$(vip4 55)"
	is "$(of web a1 started) $(of web a1 connections)" "1 0" "begun and left"
	counts 1 connect_timed_out 0
	# shellcheck disable=SC2016 # expanded there
	pod_start c1 "$LAB/tmp/stuck" bash -c 'exec 3<>"/dev/tcp/$1/80"' open "$(vip4 55)"
	sleep 1.5
	counts 1 connect_timed_out 0
	is "$(of web a1 connections)" 1 "while it is tried"
	wait_for 5 has_counted connect_timed_out 1 || fail "the second retransmission is no failure"
	kill -KILL "$STARTED"
	wait "$STARTED" 2>/dev/null || true
	is "$(of web a1 timed_out) $(of web a1 connections)" "1 0"
}

# ---- trying again ----

# However many connect while the probe is still without an answer, one of them finds out.
verdict_one_probe() {
	local report
	expose_odd web 55 "lb=$1 weft.dev/base-ejection-time=2s weft.dev/consecutive-failures=1" a1 b1
	moody a1
	moody b1 refuse
	agent_plain 1
	mark 1
	report=$(load c1 -c 50 tcp4 "$(vip4 55)/80")
	is "$(field "$report" .failures)" 1 "failed connects"
	# A refusal would be over before the next one connects; a SYN that is lost is not.
	mood b1 answer
	mute b1 c1
	sleep 2.1
	# shellcheck disable=SC2016 # expanded there
	report=$(pod_run c1 bash -c 'for i in {1..20}; do "$@" & done; wait' crowd "$NET" load -c 20 tcp4 "$(vip4 55)/80" | jq -s .)
	is "$(jq 'map(.requests) | add' <<<"$report")" 400
	is "$(jq 'map(.failures) | add' <<<"$report")" 1 "failed connects of a crowd"
	is "$(counted 1 probed) $(counted 1 ejected) $(counted 1 readmitted)" "1 2 0" "probed, ejected, readmitted"
	is "$(counted 1 connect_refused) $(counted 1 connect_timed_out)" "1 1" "refused, timed out"
}

# Out for 0.3 s, 0.6 s, 0.9 s, and then never longer than the 1 s that is the most.
verdict_growth() {
	expose_odd web 55 "weft.dev/base-ejection-time=300ms weft.dev/max-ejection-time=1s weft.dev/consecutive-failures=1" a1 b1
	moody a1
	moody b1 refuse
	agent_plain 1
	wait_for 10 has_been_out 5 || fail "not tried often enough: $(<"$(agent_log 1)")"
	is "$(ejection_times | head -n 5 | paste -sd' ')" "0.3 0.6 0.9 1 1" "seconds out"
}

ejection_times() { sed -n 's/.*eject.* for \([0-9.]*\) s:.*/\1/p' "$(agent_log 1)"; }
has_been_out() {
	load c1 -c 10 tcp4 "$(vip4 55)/80" >/dev/null 2>&1
	[ "$(ejection_times | wc -l)" -ge "$1" ]
}

# A change of the annotation counts from the next failure on.
verdict_annotation_changes() {
	expose_odd web 55 "weft.dev/consecutive-failures=0" a1
	moody a1 refuse
	agent_plain 1
	mark 1
	is "$(asks tcp4 20)" "0 answered, 20 failed"
	counts 1 ejected 0
	mood a1 answer
	is "$(asks tcp4 1)" "1 answered, 0 failed"
	mood a1 refuse
	put_service web 55 "$ODD_PORTS" weft.dev/consecutive-failures=3
	wait_for 5 wants_failures 3 || fail "the annotation does not come"
	is "$(asks tcp4 2)" "0 answered, 2 failed"
	counts 1 ejected 0
	is "$(asks tcp4 1)" "0 answered, 1 failed"
	counts 1 ejected 1
}

wants_failures() { weft 1 get services -o json | jq -e --argjson n "$1" 'length > 0 and all(.consecutive_failures == $n)' >/dev/null; }

# Of many endpoints most are drained, side by side in the list: what is left gets everything.
verdict_many_drained() {
	local i list=() port="http/TCP/80/8080"
	for ((i = 1; i <= 60; i++)); do list+=("10.245.55.$i"); done
	put_service web 55 "$port" "lb=$1"
	slice_yaml web web IPv4 "$port" "" "${list[@]}" | put pods-web.yaml
	agent_plain 1
	await_v4 60
	for ((i = 1; i <= 40; i++)); do weft 1 drain "10.245.55.$i" >/dev/null; done
	mark 1
	clean "$(load c1 -c 2000 tcp4 "$(vip4 55)/80" | tee "$LAB/tmp/report")" 2000
	is "$(jq -c '[.by_name | to_entries[] | select((.key | split(".")[3] | tonumber) <= 40) | .value] | add // 0' "$LAB/tmp/report")" 0 		"connections to drained endpoints"
	counts 1 drained_used 0
}

await_v4() { wait_for 5 has_v4 "$1" || fail "never $1 endpoints"; }
has_v4() { weft 1 get services -o json | jq -e --argjson n "$1" 'map(select(.address | contains("."))) | length > 0 and all(.endpoints == $n)' >/dev/null; }

# What one node has seen, another does not believe.
verdict_own_view() {
	expose_odd web 55 "weft.dev/consecutive-failures=1" a1 b1
	moody a1
	moody b1 refuse
	agent_plain 1
	agent_plain 2
	is "$(field "$(load c1 -c 50 tcp4 "$(vip4 55)/80")" .failures)" 1
	is "$(of web b1 health)" ejected
	mood b1 answer
	clean "$(load b2 -c 200 tcp4 "$(vip4 55)/80")" 200
	is "$(weft 2 get endpoints -o json | jq -c 'map(.health) | unique')" '["active"]' "as the other node sees it"
}

for kind in tcp4 tcp6 tcpm; do test_add "verdict/refused-in-a-row-$kind" verdict_in_a_row "$kind" refuse connect_refused refused; done
for kind in tcp4 tcp6 tcpm; do test_add "verdict/reset-in-a-row-$kind" verdict_in_a_row "$kind" reset connection_reset reset; done
test_add verdict/cut-in-a-row verdict_in_a_row tcp4 cut connection_reset reset
test_add verdict/clean-end verdict_clean_end
test_add verdict/client-resets verdict_client_resets
test_add verdict/client-reset-in-row verdict_client_reset_in_row
test_add verdict/hanging-probe verdict_hanging_probe
for kind in tcp4 tcp6 tcpm; do test_add "verdict/torn-$kind" verdict_torn "$kind"; done
test_add verdict/shut-window verdict_shut_window
for family in 4 6; do
	test_add "verdict/full-tcp$family" verdict_full "tcp$family"
	test_add "verdict/unreachable-tcp$family" verdict_unreachable "tcp$family"
done
test_add verdict/syn-retransmits verdict_syn_retransmits
test_add verdict/one-probe-random verdict_one_probe random
test_add verdict/one-probe-ewma verdict_one_probe ewma
test_add verdict/growth verdict_growth
test_add verdict/annotation-changes verdict_annotation_changes
for algorithm in random round_robin least_conn ewma; do test_add "verdict/many-drained-$algorithm" verdict_many_drained "$algorithm"; done
test_add verdict/own-view verdict_own_view
