#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A kernel that lacks a feature loses that feature and nothing else: here by order, on old kernels for real.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

# Without bpf_set_retval() an empty service still refuses at once, with the error of old kernels.
features_no_set_retval() {
	local kind
	expose web 80 "" a1
	expose void 81 ""
	agent_up 1 --without set_retval
	file_has "$(agent_log 1)" '^warning: set_retval is off: .*EPERM' ||
		fail "the agent does not say what is off: $(<"$(agent_log 1)")"
	mark 1
	for kind in tcp4 tcp6 tcpm udp4 udp6 udpm; do
		is "$(does c1 "$kind" "connect=$(vip "$kind" 81)" within=100)" "connect EPERM; within ok" "$kind"
		is "$(does c1 "$kind" "connect=$(vip "$kind" 80)" ask)" "connect ok; ask a1" "$kind"
	done
	for kind in udp4 udp6 udpm; do
		is "$(does c1 "$kind" "send=$(vip "$kind" 81)")" "send EPERM" "$kind"
	done
	counts 1 refused_empty 9
	counts 1 connect_balanced 6
}

# Rows one by one, and time instead of a grace period that the kernel tells: all is the same, only later.
features_no_batch_no_barrier() {
	expose web 80 "" a1 a2
	agent_up 1 --without map_batch,rcu_barrier
	is "$(does c1 tcp4 "connect=$(vip tcp4 80)" peer)" "connect ok; peer $(vip4 80) 80"
	put_pods web b1
	await 1 web 1
	is "$(does c1 tcp4 "connect=$(vip tcp4 80)" ask)" "connect ok; ask b1"
	# One slot for each of four rows (two families, two protocols); the old eight go in the end.
	wait_for 5 slots_are 4 || fail "old slots stay: $(slots_held)"
	agent_kill "$AGENT"
	# What was written one by one is read one by one: nothing is left to send.
	agent_up 1 --without map_batch,rcu_barrier
	sleep 0.3
	! file_has "$(agent_log 1)" '^applied' || fail "a restart without a change sent rows: $(<"$(agent_log 1)")"
}

slots_held() { bpftool -j map dump pinned "$LAB_BPF/node1/slots" | jq length; }
slots_are() { [ "$(slots_held)" = "$1" ]; }

is_off() {
	file_has "$(agent_log 1)" "^warning: $1 is off: turned off by --without; $2" ||
		fail "the agent does not say what is off: $(<"$(agent_log 1)")"
}

# Nothing is known of endpoints: choice goes on by chance, nobody is ejected.
features_no_health() {
	expose web 80 "lb=least_conn" a1 a2 c2
	agent_up 1 --without health
	is_off health "no endpoint is ejected"
	mark 1
	between "$(field "$(load c1 -c 300 tcp4 "$(vip4 80)/80")" .failures)" 60 140 "failed connects"
	counts 1 ejected 0
	counts 1 connect_balanced 300
	is "$(of web c2 refused) $(of web a1 started) $(of web a1 connections)" "0 0 0"
}

# Ejection does without response times.
features_no_response_time() {
	expose web 80 "lb=ewma" a1 a2 c2
	agent_up 1 --without response_time,tc
	is_off response_time "response times are not taken"
	mark 1
	is "$(field "$(load c1 -c 300 tcp4 "$(vip4 80)/80")" .failures)" 5 "failed connects"
	counts 1 ejected 1
	counts 1 exchange 0
}

# Without the hook that ends flows none is counted, rather than all of them for ever.
features_no_udp_flows() {
	expose web 80 "" a1
	agent_up 1 --without udp_flows
	is_off udp_flows "UDP flows are not counted"
	mark 1
	clean "$(load c1 -c 50 udp4 "$(vip4 80)/80")" 50
	clean "$(load c1 -u -c 50 udp4 "$(vip4 80)/80")" 50
	counts 1 udp_flow 0
	is "$(weft 1 get endpoints -o json | jq -c 'map(.connections) | unique')" "[0]"
}

features_no_recount() {
	expose_odd web 80 "" a1
	odd a1
	agent_up 1
	hold c1 held 3 "$(vip4 80)/80"
	agent_end "$AGENT"
	weft_unload 1 >/dev/null
	agent_up 1 --without recount
	is_off recount "connections from before a new load are not counted"
	is "$(of web a1 connections)" 0
	let_go held
	sleep 0.2
	# Their ends are nobody's: the count does not fall below nothing.
	is "$(of web a1 connections)" 0
}

features_unknown() {
	expose web 80 "" a1
	refuses 1 weft 1 load --cgroup "$LAB_CGROUP/node1" --without magic
	matches "$SAID" "no feature is called 'magic'"
	[ ! -e "$LAB_BPF/node1" ] || fail "a refused load left pins"
}

features_required() {
	refuses 1 weft 1 load --cgroup "$LAB_CGROUP/node1" --without spin_lock
	matches "$SAID" "cannot run weft: spin_lock: turned off by --without"
	[ ! -e "$LAB_BPF/node1" ] || fail "a refused load left pins"
	refuses 1 "$WEFT" check --without spin_lock
}

test_add without-set-retval features_no_set_retval
test_add without-batch-and-barrier features_no_batch_no_barrier
test_add without-health features_no_health
test_add without-response-time features_no_response_time
test_add without-udp-flows features_no_udp_flows
test_add without-recount features_no_recount
test_add without-unknown-feature features_unknown
test_add without-required-feature features_required
