#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# UDP sockets without connect(): the choice is for each datagram, and must not look so.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

# The answer seems to come from the service.
udp_sendto() {
	local kind=$1
	expose dns 20 "" b1
	agent_up 1
	mark 1
	is "$(does c1 "$kind" "send=$(vip "$kind" 20)" recv)" \
		"send ok; recv b1 from $(seen "$kind" "$(vip "$kind" 20)")"
	counts 1 sendmsg_balanced 1
	counts 1 recvmsg_restored 1
}

udp_batch() {
	local kind=$1 said
	expose dns 20 "" a1 a2 b1 b2
	agent_up 1
	mark 1
	said=$(does c1 "$kind" "mmsg=$(vip "$kind" 20)/32")
	matches "$said" "^mmsg 32 (a1|a2|b1|b2) from $(seen "$kind" "$(vip "$kind" 20)")$"
	counts 1 sendmsg_balanced 1
	counts 1 sendmsg_sticky 31
	counts 1 recvmsg_restored 32
}

# Without endpoints sendto() itself is refused.
udp_empty() {
	local kind=$1
	expose dns 20 ""
	agent_up 1
	mark 1
	is "$(does c1 "$kind" "send=$(vip "$kind" 20)" within=50)" "send ECONNREFUSED; within ok"
	counts 1 refused_empty 1
}

# What is sent to a pod's own address comes from it.
udp_direct() {
	local kind=$1 at
	expose dns 20 "" a1
	agent_up 1
	mark 1
	at=$(pod_ip "$kind" b1)/8080
	is "$(does c1 "$kind" "send=$at" recv)" "send ok; recv b1 from $(seen "$kind" "$at")"
	counts 1 sendmsg_other 1
	counts 1 recvmsg_other 1
	counts 1 recvmsg_restored 0
}

# Services 20+i on port 9000+i of a pod of their own.
expose_eight() {
	local i ports
	for i in 1 2 3 4 5 6 7 8 9; do
		ports="dns/UDP/80/$((i < 9 ? 9000 + i : 8080))"
		put_service "s$i" $((20 + i)) "$ports"
		pods_yaml "s$i" "$ports" "" a1 | put "pods-s$i.yaml"
	done
}

# One socket, eight services, each answered under its own address; twice, in another order.
udp_eight() {
	local kind=$1 i steps=() wanted=()
	expose_eight
	agent_up 1
	mark 1
	for i in 1 2 3 4 5 6 7 8 5 3 8 1 7 2 6 4; do
		steps+=("send=$(vip "$kind" $((20 + i)))" recv)
		wanted+=("send ok" "recv a1-900$i from $(seen "$kind" "$(vip "$kind" $((20 + i)))")")
	done
	is "$(does c1 "$kind" "${steps[@]}")" "$(printf '%s; ' "${wanted[@]}" | sed 's/; $//')"
	counts 1 sendmsg_balanced 8
	counts 1 sendmsg_sticky 8
	counts 1 udp_pair_evicted 0
}

# A ninth takes the place of the one that sent least recently; all are still answered.
udp_ninth() {
	local kind=$1 i steps=() said
	expose_eight
	agent_up 1
	mark 1
	for i in 1 2 3 4 5 6 7 8 9 8; do
		steps+=("send=$(vip "$kind" $((20 + i)))" recv)
	done
	said=$(does c1 "$kind" "${steps[@]}")
	matches "$said" "recv a1 from $(seen "$kind" "$(vip "$kind" 29)"); send ok; recv a1-9008 from"
	counts 1 udp_pair_evicted 1
	counts 1 sendmsg_balanced 9
	counts 1 sendmsg_sticky 1
}

# Two services with one endpoint: an answer belongs to the one that sent last.
udp_shared_endpoint() {
	local kind=$1
	expose one 20 "" a1
	expose two 21 "" a1
	agent_up 1
	is "$(does c1 "$kind" "send=$(vip "$kind" 20)" recv "send=$(vip "$kind" 21)" recv "send=$(vip "$kind" 20)" recv)" \
		"send ok; recv a1 from $(seen "$kind" "$(vip "$kind" 20)"); $(
		)send ok; recv a1 from $(seen "$kind" "$(vip "$kind" 21)"); $(
		)send ok; recv a1 from $(seen "$kind" "$(vip "$kind" 20)")"
}

# A socket stays with its endpoint; other sockets have others.
udp_sticky() {
	local kind=$1 i report
	expose dns 20 "" a1 a2 b1 b2
	agent_up 1
	mark 1
	for i in 1 2 3; do
		matches "$(does c1 "$kind" "mmsg=$(vip "$kind" 20)/64" "mmsg=$(vip "$kind" 20)/64")" \
			'^mmsg 64 (..) from [^;]*; mmsg 64 (..) from'
		is "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "endpoint of socket $i"
	done
	counts 1 sendmsg_balanced 3
	counts 1 sendmsg_sticky 381
	report=$(load c1 -u -c 200 "$kind" "$(vip "$kind" 20)")
	clean "$report"
	is "$(names "$report")" "a1 a2 b1 b2"
}

# A socket that talks to a service, to a pod and to the service again.
udp_reuse() {
	local kind=$1 at
	expose dns 20 "" b1
	agent_up 1
	mark 1
	at=$(pod_ip "$kind" b2)/8080
	is "$(does c1 "$kind" "send=$(vip "$kind" 20)" recv "send=$at" recv "send=$(vip "$kind" 20)" recv)" \
		"send ok; recv b1 from $(seen "$kind" "$(vip "$kind" 20)"); $(
		)send ok; recv b2 from $(seen "$kind" "$at"); $(
		)send ok; recv b1 from $(seen "$kind" "$(vip "$kind" 20)")"
	counts 1 sendmsg_balanced 1
	counts 1 sendmsg_sticky 1
	counts 1 sendmsg_other 1
}

# While its endpoint terminates, a socket stays and new ones avoid it; when it is gone, the socket moves.
udp_endpoint_ends() {
	local kind=$1 to first other report
	to=$(vip "$kind" 20)
	expose dns 20 "" a1 b1
	agent_up 1
	talk c1 "$kind" "mmsg=$to/4" pause "mmsg=$to/4" pause "mmsg=$to/4"
	heard "mmsg 4 (a1|b1) from .*"
	first=${BASH_REMATCH[1]}
	heard pause
	other=$([ "$first" = a1 ] && echo b1 || echo a1)
	put_pods dns "$first,terminating" "$other"
	await 1 dns 1
	report=$(load c1 -u -c 50 "$kind" "$to")
	clean "$report"
	is "$(names "$report")" "$other"
	go_on
	heard "mmsg 4 $first from .*"
	heard pause
	put_pods dns "$other"
	wait_for 5 lacks_endpoint 1 "$first"
	go_on
	heard "mmsg 4 $other from .*"
}

lacks_endpoint() {
	weft "$1" get endpoints -o json | jq -e --arg a "$(pod_ip4 "$2")" 'all(.address != $a)' >/dev/null
}

for kind in udp4 udp6 udpm; do
	test_add "sendto/$kind" udp_sendto "$kind"
	test_add "sendmmsg/$kind" udp_batch "$kind"
	test_add "sendto-empty/$kind" udp_empty "$kind"
	test_add "sendto-direct/$kind" udp_direct "$kind"
	test_add "eight-services-one-socket/$kind" udp_eight "$kind"
	test_add "ninth-service/$kind" udp_ninth "$kind"
	test_add "shared-endpoint/$kind" udp_shared_endpoint "$kind"
	test_add "choice-sticks/$kind" udp_sticky "$kind"
	test_add "socket-reused/$kind" udp_reuse "$kind"
	test_add "udp-endpoint-ends/$kind" udp_endpoint_ends "$kind"
done
