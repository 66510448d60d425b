#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Endpoints that refuse, do not answer, reset or stall: noticed, avoided, tried again, taken back.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

SOON="weft.dev/base-ejection-time=400ms"

# c2 has no server: it refuses every connect. Five of them, not one more, pay for finding out.
health_refused() {
	local kind=$1 report family=4
	[ "$kind" != tcp6 ] || family=6
	expose web 50 "" a1 b1 c2
	agent_plain 1
	mark 1
	report=$(load c1 -c 300 "$kind" "$(vip "$kind" 50)")
	is "$(field "$report" '"\(.failures) \(.errors.ECONNREFUSED)"')" "5 5" "failed connects"
	is "$(names "$report")" "a1 b1"
	counts 1 connect_refused 5
	counts 1 ejected 1
	is "$(of web c2 health "$family") $(of web c2 why "$family") $(of web c2 refused "$family")" "ejected refused 5"
	matches "$(of web c2 ejected_until "$family")" '^20[0-9-]+T[0-9:.]+Z$'
	is "$(of web a1 health "$family") $(of web a1 ejected_until "$family")" "active null"
	wait_for 5 file_has "$(agent_log 1)" "live/web: .*:8080.* ejected for 30 s: 5 failures in a row, the last: refused" ||
		fail "the agent does not tell: $(<"$(agent_log 1)")"
	clean "$(load c1 -c 300 "$kind" "$(vip "$kind" 50)")" 300
	counts 1 connect_refused 5
}

# By every algorithm the dead endpoint is left out.
health_avoided() {
	expose web 50 "lb=$1 weft.dev/consecutive-failures=1" a1 b1 c2
	agent_plain 1
	mark 1
	is "$(field "$(load c1 -c 100 tcp4 "$(vip4 50)/80")" .failures)" 1 "failed connects"
	clean "$(load c1 -c 500 tcp4 "$(vip4 50)/80")" 500
	counts 1 ejected 1
	counts 1 panic 0
}

# When its time is over one connection tries it, and its answer brings it back.
health_back() {
	local family=$1 to
	to=$(vip "tcp$family" 50)
	expose_odd web 50 "$SOON" a1 a2 b1
	odd a1
	odd a2
	agent_plain 1
	mark 1
	is "$(field "$(exchanges c1 -n 100 "$to")" .failures)" 5 "failed connects"
	odd b1
	wait_for 5 is_back "$to" || fail "b1 never came back"
	counts 1 probed 1
	counts 1 readmitted 1
	counts 1 ejected 1
	is "$(of web b1 health "$family") $(of web b1 ejected_until "$family")" "active null"
	wait_for 5 file_has "$(agent_log 1)" ":7000 readmitted: the probing connection was answered"
	between "$(share "$(exchanges c1 -n 300 "$to")" b1)" 20 47 "share of the one that came back"
}

is_back() { [ "$(field "$(exchanges c1 -n 20 "$1")" '.by_name.b1 // 0')" -gt 0 ]; }

# A probe that fails keeps it out for longer.
health_back_off() {
	expose_odd web 50 "$SOON weft.dev/max-ejection-time=600ms" a1 b1
	odd a1
	agent_plain 1
	mark 1
	exchanges c1 -n 30 "$(vip4 50)/80" >/dev/null
	counts 1 ejected 1
	wait_for 5 probes 1 || fail "it was never tried"
	is "$(of web b1 ejections)" 2
	counts 1 ejected 2
	wait_for 5 file_has "$(agent_log 1)" "stays ejected, for 0.6 s: the probing connection: refused" ||
		fail "the agent does not tell: $(<"$(agent_log 1)")"
	wait_for 5 probes 2 || fail "it was never tried again"
	counts 1 readmitted 0
	# Whoever was not the probe never noticed.
	is "$(of web b1 refused)" 7 "connects to the dead endpoint"
}

probes() {
	exchanges c1 -n 5 "$(vip4 50)/80" >/dev/null
	[ "$(counted 1 probed)" -ge "$1" ]
}

# b1 answers no SYN: counted at the retransmission, long before connect() gives up.
health_timed_out() {
	local report
	expose_odd web 50 "$SOON weft.dev/consecutive-failures=3" a1 b1
	odd a1
	odd b1
	agent_plain 1
	mark 1
	mute b1 c1
	pod_start c1 "$LAB/tmp/stuck" "$EXCHANGE" ask -t 20 -n 1 "$(vip4 50)/80"
	wait_for 5 has_of web b1 health ejected || wait_for 1 has_of web b1 health probing || fail "b1 is $(of web b1 health)"
	is "$(of web b1 why)" timed_out
	between "$(of web b1 timed_out)" 3 20 "connects that timed out"
	counts_least 1 connect_timed_out 3
	counts 1 connect_refused 0
	unmute b1 c1
	wait "$STARTED" || true
	wait_for 10 is_back "$(vip4 50)/80" || fail "b1 never came back"
	counts_least 1 readmitted 1
}

# Accepted and reset before the first byte of an answer; the server that does so comes to its senses.
health_reset() {
	local family=$1 to report
	to=$(vip "tcp$family" 50)
	expose_odd web 50 "$SOON" a1 b1
	odd a1
	odd b1 -r
	agent_plain 1
	mark 1
	report=$(exchanges c1 -n 100 "$to")
	is "$(field "$report" .failures)" 5 "failed exchanges"
	counts 1 connection_reset 5
	counts 1 ejected 1
	is "$(of web b1 why "$family") $(of web b1 reset "$family")" "reset 5"
	odd_end b1
	odd b1
	wait_for 5 is_back "$to" || fail "b1 never came back"
}

# An open connection whose data nobody acknowledges.
health_stalled() {
	expose_odd web 50 "weft.dev/consecutive-failures=1 weft.dev/data-retransmits=2" b1
	odd b1
	agent_plain 1
	mark 1
	pod_start c1 "$LAB/tmp/long" "$EXCHANGE" ask -k -s 4 "$(vip4 50)/80"
	await_of web b1 connections 1
	mute b1 c1
	await_of web b1 why stalled
	is "$(of web b1 stalled)" 1
	counts 1 connection_stalled 1
	counts 1 ejected 1
	counts 1 connection_reset 0
}

# Two of four refuse, but only one may be out, and none ever where that is said.
health_cap() {
	local percent=$1 ejected=$2
	expose_odd web 50 "weft.dev/max-ejection-percent=$percent weft.dev/panic-threshold=0 weft.dev/consecutive-failures=2" a1 a2 b1 b2
	odd a1
	odd a2
	agent_plain 1
	mark 1
	exchanges c1 -n 300 "$(vip4 50)/80" >/dev/null
	counts 1 ejected "$ejected"
	if [ "$ejected" = 1 ]; then
		counts_least 1 ejection_spared 1
		wait_for 5 file_has "$(agent_log 1)" "spared, as too many of the service are ejected already"
	else
		counts 1 ejection_spared 0
		clean "$(exchanges c1 -n 200 "$(vip4 50)/80")" 200
	fi
}

# Half are out, and more than half must be in: all are used.
health_panic() {
	expose_odd web 50 "weft.dev/max-ejection-percent=100 weft.dev/panic-threshold=$1 weft.dev/consecutive-failures=2" a1 a2 b1 b2
	odd a1
	odd a2
	agent_plain 1
	mark 1
	exchanges c1 -n 200 "$(vip4 50)/80" >/dev/null
	counts 1 ejected 2
	if [ "$1" -gt 50 ]; then
		counts_least 1 panic 10
		[ "$(field "$(exchanges c1 -n 200 "$(vip4 50)/80")" .failures)" -gt 50 ] || fail "not all were used"
	else
		counts 1 panic 0
		clean "$(exchanges c1 -n 200 "$(vip4 50)/80")" 200
	fi
}

# The only endpoint there is cannot be avoided: it answers again as soon as it can.
health_single() {
	expose_odd web 50 "" b1
	agent_plain 1
	mark 1
	is "$(field "$(exchanges c1 -n 20 "$(vip4 50)/80")" .failures)" 20
	counts 1 ejected 1
	counts 1 connect_refused 20
	odd b1
	clean "$(exchanges c1 -n 20 "$(vip4 50)/80")" 20
	counts_least 1 panic 20
}

health_never() {
	expose web 50 "weft.dev/consecutive-failures=0" a1 c2
	agent_plain 1
	mark 1
	[ "$(field "$(load c1 -c 200 tcp4 "$(vip4 50)/80")" .failures)" -gt 50 ] || fail "it was avoided"
	counts 1 ejected 0
	is "$(of web c2 health)" active
	is "$(of web c2 refused)" "$(counted 1 connect_refused)"
}

# Affinity does not hold a client to a dead endpoint.
health_affinity() {
	local first other
	expose_odd web 50 "affinity=600" a1 a2
	odd a1
	odd a2
	agent_plain 1
	mark 1
	first=$(names "$(exchanges c1 -n 10 "$(vip4 50)/80")")
	matches "$first" '^a[12]$' "endpoints of a client with affinity"
	other=$([ "$first" = a1 ] && echo a2 || echo a1)
	odd_end "$first"
	is "$(field "$(exchanges c1 -n 50 "$(vip4 50)/80")" '"\(.failures) \(.by_name | keys[0])"')" "5 $other"
	counts 1 affinity_moved 1
}

# The kernel needs nobody for it.
health_no_agent() {
	expose_odd web 50 "$SOON" a1 b1
	odd a1
	agent_plain 1
	agent_kill "$AGENT"
	mark 1
	is "$(field "$(exchanges c1 -n 100 "$(vip4 50)/80")" .failures)" 5
	counts 1 ejected 1
	odd b1
	wait_for 5 is_back "$(vip4 50)/80" || fail "b1 never came back"
	# What nobody read meanwhile the next agent tells.
	agent_plain 1
	wait_for 5 file_has "$(agent_log 1)" "ejected for 0.4 s"
	wait_for 5 file_has "$(agent_log 1)" "readmitted"
}

# An ejection goes through a restart as it is.
health_restart() {
	expose web 50 "" a1 c2
	agent_plain 1
	load c1 -c 50 tcp4 "$(vip4 50)/80" >/dev/null
	is "$(of web c2 health)" ejected
	agent_kill "$AGENT"
	agent_plain 1
	is "$(of web c2 health) $(of web c2 refused)" "ejected 5"
	clean "$(load c1 -c 100 tcp4 "$(vip4 50)/80")" 100
}

# One endpoint in two services is one: out for one, out for both.
health_shared() {
	expose web 50 "" a1 c2
	expose other 51 "" b1 c2
	agent_plain 1
	is "$(field "$(load c1 -c 100 tcp4 "$(vip4 50)/80")" .failures)" 5
	clean "$(load c1 -c 100 tcp4 "$(vip4 51)/80")" 100
	is "$(of other c2 health)" ejected
}

# A value that is not understood is named, and the last good one stands.
health_bad_annotation() {
	expose web 50 "lb=ewma" a1
	agent_plain 1
	put_service web 50 "$PORTS_BOTH" lb=magic
	wait_for 5 file_has "$(agent_log 1)" 'Service live/web: "magic" is not known' || fail "nothing is said: $(<"$(agent_log 1)")"
	put_service web 50 "$PORTS_BOTH" lb=ewma weft.dev/base-ejection-time=soon
	wait_for 5 file_has "$(agent_log 1)" '"soon" is not a duration' || fail "nothing is said: $(<"$(agent_log 1)")"
	is "$(weft 1 get services -o json | jq -rc 'map(.algorithm) | unique')" '["ewma"]'
	put_service web 50 "$PORTS_BOTH" lb=least_conn weft.dev/consecutive-failures=9
	wait_for 5 has_algorithm least_conn || fail "the good one does not come"
	is "$(weft 1 get services -o json | jq -rc 'map(.consecutive_failures) | unique')" '[9]'
}

has_algorithm() { [ "$(weft 1 get services -o json | jq -r '.[0].algorithm')" = "$1" ]; }

for kind in tcp4 tcp6 tcpm; do test_add "health/refused-$kind" health_refused "$kind"; done
for algorithm in random round_robin least_conn ewma; do test_add "health/avoided-$algorithm" health_avoided "$algorithm"; done
for family in 4 6; do
	test_add "health/back-tcp$family" health_back "$family"
	test_add "health/reset-tcp$family" health_reset "$family"
done
test_add health/back-off health_back_off
test_add health/timed-out health_timed_out
test_add health/stalled health_stalled
test_add health/cap-10 health_cap 10 1
test_add health/cap-100 health_cap 100 2
test_add health/panic health_panic 60
test_add health/no-panic health_panic 50
test_add health/single health_single
test_add health/never health_never
test_add health/affinity health_affinity
test_add health/no-agent health_no_agent
test_add health/restart health_restart
test_add health/shared health_shared
test_add health/bad-annotation health_bad_annotation
