#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Who gets a connection: shares, order, affinity.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

SPREAD=${SPREAD:-100000}

spread_equal() {
	local kind=$1 count=$2 report
	expose web 30 "" a1 a2 b1 b2
	agent_up 1
	mark 1
	report=$(load c1 -c "$count" "$kind" "$(vip "$kind" 30)")
	clean "$report" "$count"
	chi_square "$report" a1=1 a2=1 b1=1 b2=1
	counts 1 connect_balanced "$count"
}

spread_weighted() {
	local kind=$1 count=$2 report
	put_service web 30 "$PORTS_BOTH"
	put_weighted web@light 1 a1
	put_weighted web@middle 3 a2 b1
	put_weighted web@heavy 10 b2
	agent_up 1
	is "$(weft 1 get endpoints -o json | jq -c 'map(.weight) | unique')" "[1,3,10]" "weights"
	report=$(load c1 -c "$count" "$kind" "$(vip "$kind" 30)")
	clean "$report" "$count"
	chi_square "$report" a1=1 a2=3 b1=3 b2=10
}

# UDP without connect(): each new socket has a choice of its own.
spread_sendto() {
	local report
	expose dns 30 "" a1 a2 b1 b2
	agent_up 1
	report=$(load c1 -u -c 20000 udp4 "$(vip4 30)/80")
	clean "$report" 20000
	chi_square "$report" a1=1 a2=1 b1=1 b2=1
}

spread_weight_zero() {
	local report
	put_service web 30 "$PORTS_BOTH"
	put_weighted web@none 0 a1
	put_weighted web@some 1 a2
	agent_up 1
	report=$(load c1 -c 1000 tcp4 "$(vip4 30)/80")
	clean "$report" 1000
	is "$(names "$report")" a2
}

# Round robin is exact, and in order.
spread_round_robin() {
	local kind=$1 report
	expose web 30 "lb=round_robin" a1 a2 b1 b2
	agent_up 1
	is "$(weft 1 get services -o json | jq -c 'map(.algorithm) | unique')" '["round_robin"]' algorithm
	report=$(load c1 -c 4000 "$kind" "$(vip "$kind" 30)")
	clean "$report" 4000
	is "$(field "$report" '.by_name | map(.) | unique | join(" ")')" 1000 "connects of each endpoint"
}

spread_round_robin_weighted() {
	local report
	put_service web 30 "$PORTS_BOTH" lb=round_robin
	put_weighted web@light 1 a1
	put_weighted web@heavy 3 b1
	agent_up 1
	report=$(load c1 -c 4000 tcp4 "$(vip4 30)/80")
	clean "$report" 4000
	is "$(field "$report" '"\(.by_name.a1) \(.by_name.b1)"')" "1000 3000" "connects of a1 and b1"
}

# A client (a network namespace) stays with its endpoint, for TCP and UDP each.
affinity() {
	local kind=$1 client report name names=()
	expose web 30 "affinity=60" a1 a2 b1 b2
	agent_up 1
	mark 1
	for client in c1 c2; do
		report=$(load "$client" -c 200 "$kind" "$(vip "$kind" 30)")
		clean "$report" 200
		name=$(names "$report")
		matches "$name" '^(a1|a2|b1|b2)$' "endpoint of $client"
		names+=("$name")
	done
	counts 1 affinity_new 2
	counts 1 affinity_kept 398
	report=$(load c1 -c 10 "$kind" "$(vip "$kind" 30)")
	is "$(names "$report")" "${names[0]}" "endpoint of c1 after c2 connected"
}

affinity_sendto() {
	local kind=$1 report
	expose dns 30 "affinity=60" a1 a2 b1 b2
	agent_up 1
	mark 1
	report=$(load c1 -u -c 100 "$kind" "$(vip "$kind" 30)")
	clean "$report" 100
	matches "$(names "$report")" '^(a1|a2|b1|b2)$' "endpoint of c1"
	counts 1 affinity_new 1
	counts 1 affinity_kept 99
}

# Affinity lasts while it is used, and ends its timeout after the last use.
affinity_timeout() {
	local i report
	expose web 30 "affinity=1" a1 a2 b1 b2
	agent_up 1
	mark 1
	# Use prolongs it: eight connects over 2 s, each within a second of the last, one endpoint.
	report=$(load c1 -c 8 -r 4 tcp4 "$(vip4 30)/80")
	clean "$report" 8
	matches "$(names "$report")" '^(a1|a2|b1|b2)$' "endpoint while in use"
	counts 1 affinity_expired 0
	for i in 1 2; do
		sleep 1.1
		does c1 tcp4 "connect=$(vip4 30)/80" >/dev/null
	done
	counts 1 affinity_expired "$i"
	counts 1 affinity_kept 7
}

# An endpoint that takes no more connections ends affinity to it.
affinity_moves() {
	local state=$1 report first others
	expose web 30 "affinity=60" a1 a2 b1 b2
	agent_up 1
	mark 1
	report=$(load c1 -c 5 tcp4 "$(vip4 30)/80")
	first=$(names "$report")
	read -ra others <<<"$(echo a1 a2 b1 b2 | sed "s/$first//")"
	if [ "$state" = removed ]; then
		put_pods web "${others[@]}"
	else
		put_pods web "$first,$state" "${others[@]}"
	fi
	await 1 web 3
	report=$(load c1 -c 50 tcp4 "$(vip4 30)/80")
	clean "$report" 50
	matches "$(names "$report")" '^(a1|a2|b1|b2)$' "the new endpoint"
	[ "$(names "$report")" != "$first" ] || fail "still at $first, which is $state"
	counts 1 affinity_moved 1
}

test_add spread/tcp4 spread_equal tcp4 "$SPREAD"
test_add spread/udp6 spread_equal udp6 20000
test_add spread-weighted/tcp6 spread_weighted tcp6 "$SPREAD"
test_add spread-weighted/udp4 spread_weighted udp4 20000
test_add spread-sendto spread_sendto
test_add weight-zero spread_weight_zero
for kind in tcp4 tcp6 tcpm udp4; do
	test_add "round-robin/$kind" spread_round_robin "$kind"
done
test_add round-robin-weighted spread_round_robin_weighted
for kind in tcp4 tcp6 tcpm udp4 udp6 udpm; do
	test_add "affinity/$kind" affinity "$kind"
done
for kind in udp4 udp6 udpm; do
	test_add "affinity-sendto/$kind" affinity_sendto "$kind"
done
test_add affinity-timeout affinity_timeout
test_add affinity-moves/removed affinity_moves removed
test_add affinity-moves/terminating affinity_moves terminating
