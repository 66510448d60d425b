#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The splice: who is admitted, what switches it, what is counted. That the bytes are right is looked at with each of
# them; that they were handed over is said by the counters.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

EVENTS=${EVENTS:-$ROOT/build/live/events}

# serves_events POD [OPTION...]: an echo at port 7000 of all its addresses.
serves_events() {
	local pod=$1
	shift
	rm -f "$LAB/tmp/events-$pod"
	pod_start "$pod" "$LAB/tmp/events-$pod" "$EVENTS" serve "$@" 0.0.0.0/7000 ::/7000
	wait_for 5 file_has "$LAB/tmp/events-$pod" serving || fail "$pod does not serve: $(<"$LAB/tmp/events-$pod.err")"
}

# opens POD OPTION... ADDRESS/PORT: connections that do what asks says, until closes.
opens() {
	local pod=$1
	shift
	coproc TALK { pod_run "$pod" "$EVENTS" talk "$@" 2>&1; }
	exec {TALK_IN}>&"${TALK[1]}" {TALK_OUT}<&"${TALK[0]}"
	heard 'open [0-9]+'
}

told() { echo "$1" >&"$TALK_IN"; }
asks() { told "ask $1 $2" && heard "asked $1"; }
closes() { told close && heard closed; }

# warm [POD [NUMBER]]: the first connection of a program is watched; what comes after it is spliced.
warm() {
	mark 1
	opens "${1:-c1}" "$(vip tcp4 "${2:-60}")"
	asks 1 64
	closes
	counts 1 splice_watched 1
	counts 1 splice_offered 0
	await_no_pairs
}

warm_by() {
	opens c1 "$(vip "$1" 60)"
	asks 1 64
	closes
	await_no_pairs
}

kind_option() { case $1 in tcpm) echo -m ;; esac; }

rows() { bpftool -j map dump pinned "$LAB_BPF/node1/$1" | jq length; }
has_rows() { [ "$(rows "$1")" = "$2" ]; }

# With the last of its sockets, nothing of a pair is left.
await_no_pairs() {
	wait_for 5 has_rows splice_pairs 0 || fail "$(rows splice_pairs) rows of splice_pairs are left"
	wait_for 5 has_rows splice_calls 0 || fail "$(rows splice_calls) rows of splice_calls are left"
	wait_for 5 has_rows splice_socks 0 || fail "$(rows splice_socks) rows of splice_socks are left"
}

# spliced_to POD [OPTION...]: service web at number 60, spliced, of one endpoint.
spliced_to() {
	local pod=$1
	shift
	expose_odd web 60 "weft.dev/splice=on $*" "$pod"
}

# all_redirected MESSAGES: so many, but for a few that found their peer at work.
all_redirected() {
	counts_least 1 splice_redirect_msgs $(($1 * 7 / 10))
	is "$(($(counted 1 splice_redirect_msgs) + $(counted 1 splice_pass_msgs)))" "$1" "messages in all"
}

splice_pair() {
	local kind=$1 pairs
	agent_up 1
	serves_events a1
	spliced_to a1
	await 1 web 1
	# It is another service for each family.
	warm_by "$kind"
	mark 1
	# shellcheck disable=SC2046 # an option or none
	opens c1 $(kind_option "$kind") "$(vip "$kind" 60)"
	asks 200 64
	asks 20 100000
	counts 1 splice_offered 1
	counts 1 splice_admitted 1
	counts_least 1 splice_redirect_msgs 300
	counts_least 1 splice_redirect_bytes 25600
	pairs=$(weft 1 get pairs -o json)
	is "$(jq -r '.[] | "\(.service) \(.server) \(.server_port)"' <<<"$pairs")" "web $(pod_ip "$kind" a1) 7000"
	# What was handed over and what went through the stack are all that was sent.
	is "$(jq -r '.[] | "\(.sent_bytes + .sent_pass_bytes) \(.received_bytes + .received_pass_bytes)"' <<<"$pairs")" "2012800 2012800"
	closes
	await_no_pairs
}

# Sockets that gain nothing are in no map.
splice_other_node() {
	agent_up 1
	serves_events b1
	spliced_to b1
	await 1 web 1
	mark 1
	opens c1 -c 8 "$(vip tcp4 60)"
	asks 100 64
	is "$(rows splice_socks)" 0 "sockets in the map"
	counts 1 splice_offered 0
	counts 1 splice_unfit_server 8
	counts 1 splice_redirect_msgs 0
	counts 1 splice_pass_msgs 0
	closes
}

splice_default() {
	agent_up 1
	serves_events a1
	expose_odd web 60 "" a1
	expose_odd off 61 "weft.dev/splice=off" a1
	await 1 web 1
	await 1 off 1
	mark 1
	opens c1 "$(vip tcp4 60)"
	asks 10 64
	closes
	opens c1 "$(vip tcp4 61)"
	asks 10 64
	is "$(rows splice_socks)" 0 "sockets in the map"
	counts 1 splice_offered 0
	is "$(weft 1 get splices -o json | jq length)" 0 "services that ask for the splice"
	closes
}

weft_check() { ns_run node1 "$WEFT" check -o json; }
selftest() { weft 1 get stats "$1" -o json | jq '.[0].value'; }

# What a kernel does that fails the self-test must be seen by the one that decides, and by the one who asks why.
splice_selftest() {
	local passed state
	agent_up 1
	serves_events a1
	expose_odd web 60 "weft.dev/splice=auto" a1
	await 1 web 1
	passed=$(selftest splice_selftest_passed)
	is "$(weft_check | jq -r '.[] | select(.feature == "splice_auto").on')" "$([ "$passed" = 1 ] && echo true || echo false)"
	mark 1
	opens c1 "$(vip tcp4 60)"
	asks 1 64
	closes
	opens c1 "$(vip tcp4 60)"
	asks 100 64
	if [ "$passed" = 1 ]; then
		all_redirected 200
		return
	fi
	counts 1 splice_offered 0
	file_has "$(agent_log 1)" 'splice_auto is off: ' || fail "the log does not say so"
	matches "$(weft 1 get splices -o json | jq -r '.[] | "\(.asked) \(.spliced) \(.why)"' | head -n 1)" '^auto false .*self-test'
	state=$(weft 1 get stats -o json | jq '[.[] | select(.name | startswith("splice_selftest_failed_")).value] | add')
	[ "$state" -ge 1 ] || fail "no failure is counted"
	closes
	# The operator's word.
	spliced_to a1
	wait_for 5 asked_for on || fail "the annotation has not arrived"
	matches "$(weft 1 get splices -o json | jq -r '.[] | "\(.asked) \(.spliced) \(.why)"' | head -n 1)" '^on true asked for, though'
}

asked_for() { [ "$(weft 1 get splices -o json | jq -r '.[0].asked')" = "$1" ]; }

# FIONREAD of a byte that waits is 0 on this one: that must be found.
splice_selftest_here() {
	case $(uname -r) in 6.18.4[0-4]*) ;; *) skip "made for kernels 6.18.40 to 6.18.44, which count wrongly" ;; esac
	agent_up 1
	is "$(selftest splice_selftest_failed_fionread_passed)" 1
	is "$(selftest splice_selftest_failed_fionread_redirected)" 0
	is "$(selftest splice_selftest_failed_order)" 0
	is "$(selftest splice_selftest_failed_run)" 0
	matches "$(weft_check | jq -r '.[] | select(.feature == "splice_auto").why')" 'FIONREAD says 0 where 1 byte waits'
}

# Without a namespace, a cgroup or more than the three capabilities.
splice_selftest_unprivileged() {
	local said
	said=$(ns_run node1 setpriv --bounding-set=-all,+bpf,+net_admin,+perfmon --inh-caps=-all "$WEFT" check -o json)
	is "$(jq -r '.[] | select(.feature == "splice").on' <<<"$said")" true
	is "$(jq -c '.[] | select(.feature == "splice_auto") | [.on, .why]' <<<"$said")" \
		"$(weft_check | jq -c '.[] | select(.feature == "splice_auto") | [.on, .why]')"
}

splice_blocking_client() {
	agent_up 1
	serves_events a1
	spliced_to a1
	await 1 web 1
	mark 1
	opens c1 -b "$(vip tcp4 60)"
	asks 50 64
	counts 1 splice_unfit_client 1
	counts 1 splice_offered 0
	closes
}

splice_blocking_listener() {
	agent_up 1
	serves_events a1 -l
	spliced_to a1
	await 1 web 1
	mark 1
	opens c1 "$(vip tcp4 60)"
	asks 50 64
	counts 1 splice_unfit_server 1
	counts 1 splice_offered 0
	closes
}

# Sockets that are accepted to block are found out by the first, which is not spliced.
splice_blocking_accepted() {
	agent_up 1
	serves_events a1 -a
	spliced_to a1
	await 1 web 1
	mark 1
	opens c1 "$(vip tcp4 60)"
	asks 50 64
	is "$(rows splice_socks)" 0 "sockets in the map"
	closes
	opens c1 -c 3 "$(vip tcp4 60)"
	asks 50 64
	closes
	counts 1 splice_watched 1
	counts 1 splice_unfit_server 3
	counts 1 splice_offered 0
	counts 1 splice_redirect_msgs 0
}

# Many clients set O_NONBLOCK for the connect alone: they leave the map when they send for the first time, before
# anything was handed to them.
splice_blocking_later() {
	agent_up 1
	serves_events a1
	spliced_to a1 weft.dev/measure=response-time
	await 1 web 1
	warm
	mark 1
	opens c1 -c 3 "$(vip tcp4 60)"
	is "$(rows splice_socks)" 6 "sockets in the map"
	told block
	heard blocking
	asks 50 64
	asks 5 1000000
	counts 1 splice_admitted 3
	counts 1 splice_left 3
	counts 1 splice_redirect_msgs 0
	is "$(rows splice_socks)" 3 "sockets in the map: the servers"
	is "$(weft 1 get pairs -o json | jq length)" 0 "pairs"
	closes
	await_no_pairs
	# 1 of warm, and then as without the splice.
	wait_for 5 has_of web a1 connections 0
	is "$(of web a1 sent_bytes)" $((64 + 3 * 50 * 64 + 15000000))
	counts 1 splice_unfit_client 0
}

# One that has been handed something, and then blocks: it leaves when it has read that, and its program is not trusted
# again.
splice_blocking_after_all() {
	agent_up 1
	serves_events a1
	spliced_to a1
	await 1 web 1
	warm
	mark 1
	opens c1 "$(vip tcp4 60)"
	asks 10 64
	told block
	heard blocking
	asks 50 64
	counts 1 splice_admitted 1
	counts_least 1 splice_blocking 1
	counts 1 splice_left 1
	is "$(weft 1 get pairs -o json | jq length)" 0 "pairs"
	closes
	await_no_pairs
	opens c1 "$(vip tcp4 60)"
	asks 50 64
	counts 1 splice_unfit_client 1
	counts 1 splice_admitted 1
	closes
}

# What listened before weft was there is found when it comes.
# What goes one way to a reader that is always at work gains nothing: while it is under way it is left to TCP.
splice_stream() {
	agent_up 1
	pod_start a1 "$LAB/tmp/pace" "$ROOT/build/live/pace" serve -c 0 "$(pod_ip4 a1)/7000"
	wait_for 5 file_has "$LAB/tmp/pace" serving || fail "nobody serves: $(<"$LAB/tmp/pace.err")"
	spliced_to a1
	await 1 web 1
	pod_run c1 "$ROOT/build/live/pace" ask -m 1 "$(vip tcp4 60)"
	await_no_pairs
	mark 1
	is "$(pod_run c1 "$ROOT/build/live/pace" send -c 1 -m 2000 -b 1024 "$(vip tcp4 60)" | jq .wrong)" 0 "wrong bytes"
	counts 1 splice_admitted 1
	counts_least 1 splice_redirect_msgs 1
	counts_least 1 splice_stream 1
	counts 1 splice_left 1
	await_no_pairs
}

splice_older_listener() {
	serves_events a1
	serves_events a2 -l
	expose_odd web 60 weft.dev/splice=on a1
	expose_odd blocking 61 weft.dev/splice=on a2
	agent_up 1
	await 1 web 1
	warm
	mark 1
	opens c1 "$(vip tcp4 60)"
	asks 50 64
	all_redirected 100
	closes
	mark 1
	opens c1 "$(vip tcp4 61)"
	asks 50 64
	counts 1 splice_unfit_server 1
	closes
}

# A connection that was moved is translated on its way.
# Until a connection to it was not moved.
warm_all() {
	local i
	for i in {1..20}; do
		mark 1
		opens c1 "$(vip tcp4 60)"
		asks 1 64
		closes
		[ "$(counted 1 splice_watched)" = 0 ] || return 0
	done
	fail "nothing was watched"
}

splice_moved() {
	local moved
	agent_up 1
	serves_events a1
	expose_odd web 60 "weft.dev/splice=on weft.dev/consecutive-failures=0" a1 a2
	await 1 web 2
	warm_all
	mark 1
	opens c1 -c 40 "$(vip tcp4 60)"
	asks 20 64
	moved=$(counted 1 rescued)
	between "$moved" 5 35 "moved of 40"
	counts 1 splice_unfit_client "$moved"
	counts 1 splice_admitted $((40 - moved))
	all_redirected $((40 * (40 - moved)))
	closes
	await_no_pairs
}

splice_switch() {
	agent_up 1
	serves_events a1
	spliced_to a1
	await 1 web 1
	warm
	opens c1 -c 4 "$(vip tcp4 60)"
	mark 1
	asks 50 64
	all_redirected 400
	is "$(weft 1 splice off)" "nothing is spliced on this node"
	mark 1
	asks 50 64
	counts 1 splice_redirect_msgs 0
	counts 1 splice_off 400
	matches "$(weft 1 get splices -o json | jq -r '.[0] | "\(.spliced) \(.why)"')" '^false switched off'
	weft 1 splice on >/dev/null
	mark 1
	asks 50 64
	all_redirected 400
	refuses 2 weft 1 splice maybe
	closes
}

is_spliced() { [ "$(weft 1 get splices -o json | jq length)" = "$1" ]; }

# The annotation is a switch as well.
splice_annotation() {
	agent_up 1
	serves_events a1
	spliced_to a1
	await 1 web 1
	warm
	opens c1 "$(vip tcp4 60)"
	mark 1
	asks 50 64
	all_redirected 100
	expose_odd web 60 "" a1
	wait_for 5 is_spliced 0 || fail "the annotation is still in force"
	mark 1
	asks 50 64
	counts 1 splice_off 100
	spliced_to a1
	wait_for 5 is_spliced 2 || fail "the annotation has not arrived"
	mark 1
	asks 50 64
	all_redirected 100
	closes
}

# A change of policy reaches connections that are spliced: they go where policy is enforced.
splice_policy() {
	agent_up 1
	serves_events a1
	spliced_to a1
	await 1 web 1
	warm
	opens c1 "$(vip tcp4 60)"
	mark 1
	asks 50 64
	all_redirected 100
	bpftool map update pinned "$LAB_BPF/node1/splicing" key 2 0 0 0 value 1 0 0 0 0 0 0 0
	mark 1
	asks 50 64
	counts 1 splice_policy 100
	counts 1 splice_redirect_msgs 0
	closes
	# What begins under the new one is admitted by it.
	mark 1
	opens c1 "$(vip tcp4 60)"
	asks 50 64
	all_redirected 100
	closes
}

# Two pods that have the same addresses, and connections between the same ports at the same time.
splice_twins() {
	local pod talk=()
	agent_up 1
	serves_events twin1 -x 1
	serves_events twin2 -x 2
	put_service web 60 "$ODD_PORTS" weft.dev/splice=on
	slice_yaml web web IPv4 "$ODD_PORTS" "" 10.98.0.1 | put pods-web.yaml
	await_some 1 web
	for pod in 1 2; do pod_run "twin$pod" "$EVENTS" talk -x "$pod" "$(vip4 60)/80" <<<"ask 1 64" >/dev/null; done
	await_no_pairs
	mark 1
	for pod in 1 2; do
		mkfifo "$LAB/tmp/in$pod"
		pod_run "twin$pod" "$EVENTS" talk -x "$pod" -p 40000 -c 8 "$(vip4 60)/80" <"$LAB/tmp/in$pod" >"$LAB/tmp/out$pod" 2>&1 &
		talk+=($!)
	done
	exec {TWIN1}>"$LAB/tmp/in1" {TWIN2}>"$LAB/tmp/in2"
	for pod in 1 2; do wait_for 5 file_has "$LAB/tmp/out$pod" 'open 8' || fail "twin$pod: $(<"$LAB/tmp/out$pod")"; done
	echo "ask 200 64" >&"$TWIN1"
	echo "ask 200 64" >&"$TWIN2"
	for pod in 1 2; do wait_for 10 file_has "$LAB/tmp/out$pod" asked || fail "twin$pod: $(<"$LAB/tmp/out$pod")"; done
	echo close >&"$TWIN1"
	echo close >&"$TWIN2"
	wait "${talk[@]}"
	is "$(cat "$LAB/tmp/out1" "$LAB/tmp/out2" | tr '\n' ' ')" "open 8 asked 200 closed open 8 asked 200 closed "
	# Two that are established at the same moment look alike: then one of them stays with the stack.
	is "$(($(counted 1 splice_admitted) + $(counted 1 splice_full)))" 16 "pairs"
	counts_least 1 splice_admitted 8
	counts_least 1 splice_redirect_msgs 2000
	await_no_pairs
}

await_some() { wait_for 5 some_endpoint "$@" || fail "service $2 has no endpoint"; }
some_endpoint() { weft "$1" get endpoints "$2" -o json | jq -e 'length > 0' >/dev/null; }

# Without room, connections are what they always were.
splice_full() {
	agent_up 1
	serves_events a1
	spliced_to a1
	await 1 web 1
	warm
	fill_calls
	mark 1
	opens c1 -c 8 "$(vip tcp4 60)"
	asks 50 64
	counts 1 splice_full 8
	counts 1 splice_offered 0
	is "$(rows splice_socks)" 0 "sockets in the map"
	is "$(rows splice_pairs)" 0 "rows of pairs"
	closes
}

fill_calls() {
	seq 0 65535 | awk -v map="$LAB_BPF/node1/splice_calls" '{
		printf "map update pinned %s key %d %d", map, $1 % 256, int($1 / 256)
		for (i = 0; i < 38; i++)
			printf " 0"
		print " value 0 0 0 0 0 0 0 0"
	}' >"$LAB/tmp/fill"
	bpftool batch file "$LAB/tmp/fill" >/dev/null
}

# What an endpoint is said to have done is the same with the splice and without it.
splice_measured() {
	local service number told_of sent received exchanged
	agent_up 1
	serves_events a1 -d 5
	expose_odd spliced 60 "weft.dev/splice=on weft.dev/measure=response-time" a1
	expose_odd plain 61 "weft.dev/measure=response-time" a1
	await 1 spliced 1
	await 1 plain 1
	mark 1
	number=60
	# One endpoint in both: its bytes are looked at in between.
	warm c1 60
	mark 1
	for service in spliced plain; do
		told_of=$(of "$service" a1 sent_bytes),$(of "$service" a1 received_bytes),$(of "$service" a1 exchanges)
		opens c1 "$(vip4 $number)/80"
		asks 60 300
		closes
		wait_for 5 has_live "$service" 0
		IFS=, read -r sent received exchanged <<<"$told_of"
		is "$(($(of "$service" a1 sent_bytes) - sent)),$(($(of "$service" a1 received_bytes) - received))" "18000,18000" "bytes of $service"
		is "$(($(of "$service" a1 exchanges) - exchanged))" 60 "exchanges of $service"
		between "$(of "$service" a1 mean_us)" 5000 20000 "mean response time of $service"
		between "$(of "$service" a1 histogram | jq '[.[] | select(.[0] >= 8192)[1]] | add')" 58 61 "samples of 5 ms and more of $service"
		number=$((number + 1))
	done
	counts_least 1 splice_redirect_msgs 100
	is "$(weft 1 get splices spliced -o json | jq -r '.[] | select(.admitted > 0) | .redirect_msgs + .pass_msgs')" 120 "messages of the service"
}

has_live() { [ "$(of "$1" a1 connections)" = "$2" ]; }

# An answer that was handed over is an answer: what breaks afterwards is not held against the endpoint.
splice_answered() {
	agent_up 1
	serves_events a1
	spliced_to a1 weft.dev/consecutive-failures=1
	await 1 web 1
	warm
	mark 1
	opens c1 "$(vip tcp4 60)"
	asks 10 64
	# Cut from the server's side: the client's socket is reset.
	ns_run a1 ss -K state established src "$(pod_ip4 a1)" sport = :7000 >/dev/null
	told "ask 1 64"
	read -r -t 15 _ <&"$TALK_OUT"
	closes
	wait_for 5 has_of web a1 connections 0
	counts 1 connection_reset 0
	counts 1 ejected 0
}

splice_agent_killed() {
	agent_up 1
	serves_events a1
	spliced_to a1
	await 1 web 1
	warm
	opens c1 -c 4 "$(vip tcp4 60)"
	asks 20 64
	agent_kill "$AGENT"
	mark 1
	asks 50 64
	all_redirected 400
	agent_up 1
	mark 1
	asks 50 64
	all_redirected 400
	closes
	# The listener is still known.
	opens c1 "$(vip tcp4 60)"
	asks 50 64
	counts 1 splice_admitted 1
	closes
}

# New programs beside live connections: those keep theirs.
splice_reload() {
	agent_up 1
	serves_events a1
	spliced_to a1
	await 1 web 1
	warm
	opens c1 -c 4 "$(vip tcp4 60)"
	asks 20 64
	agent_kill "$AGENT"
	weft_load 1 >/dev/null
	mark 1
	asks 50 64
	all_redirected 400
	closes
	await_no_pairs
	mark 1
	opens c1 -c 4 "$(vip tcp4 60)"
	asks 50 64
	all_redirected 400
	closes
}

splice_unload() {
	agent_up 1
	serves_events a1
	spliced_to a1
	await 1 web 1
	warm
	opens c1 -c 4 "$(vip tcp4 60)"
	asks 20 64
	agent_end "$AGENT"
	weft_unload 1 >/dev/null
	asks 50 64
	asks 5 1000000
	# Loaded anew, it knows nothing of them, and does nothing to them.
	agent_up 1
	asks 50 64
	closes
}

for kind in tcp4 tcp6 tcpm; do test_add "splice/pair/$kind" splice_pair "$kind"; done
test_add splice/other-node splice_other_node
test_add splice/default splice_default
test_add splice/selftest splice_selftest
test_add splice/selftest-here splice_selftest_here
test_add splice/selftest-unprivileged splice_selftest_unprivileged
test_add splice/blocking-client splice_blocking_client
test_add splice/blocking-listener splice_blocking_listener
test_add splice/blocking-accepted splice_blocking_accepted
test_add splice/blocking-later splice_blocking_later
test_add splice/blocking-after-all splice_blocking_after_all
test_add splice/stream splice_stream
test_add splice/older-listener splice_older_listener
test_add splice/moved splice_moved
test_add splice/switch splice_switch
test_add splice/annotation splice_annotation
test_add splice/policy splice_policy
test_add splice/twins splice_twins
test_add splice/map-full splice_full
test_add splice/measured splice_measured
test_add splice/answered splice_answered
test_add splice/agent-killed splice_agent_killed
test_add splice/reload splice_reload
test_add splice/unload splice_unload
