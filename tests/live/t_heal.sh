#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Connected UDP sockets outlive their endpoints.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

# One socket asks on while its endpoint is another pod each time.
heal_replaced() {
	local kind=$1 pod steps i
	steps=("connect=$(vip "$kind" 70)" ask)
	expose web 70 "" a1
	agent_up 1
	await 1 web 1
	for ((i = 0; i < 8; i++)); do steps+=(pause ask ask); done
	mark 1
	talk c1 "$kind" "${steps[@]}" peer
	heard "connect ok"
	heard "ask a1"
	for pod in a2 b1 a1 b2 a2 a1 b1 b2; do
		heard pause
		put_pods web "$pod"
		wait_for 5 only_endpoint "$kind" "$pod" || fail "$pod never became the endpoint"
		go_on
		heard "ask $pod"
		heard "ask $pod"
	done
	heard "peer $(seen "$kind" "$(vip "$kind" 70)")"
	counts 1 udp_healed 8
	counts 1 rescue_malformed 0
	wait_for 5 no_rows || fail "rows of moves are left"
	is "$(weft 1 get endpoints -o json | jq '[.[].connections] | add')" 0 "flows that are left"
}

only_endpoint() {
	weft 1 get endpoints -o json | jq -e --arg address "$(pod_ip "$1" "$2")" \
		'map(select(.protocol == "UDP" and .chosen and .address == $address)) | length == 1' >/dev/null
}

no_rows() { [ "$(bpftool -j map dump pinned "$LAB_BPF/node1/moves" | jq length)" = 0 ]; }

# Many requests while endpoints come and go: no error reaches the client.
heal_churn() {
	local kind=$1 i pods=(a1 a2 b1 b2) pod
	expose web 70 "" a1
	agent_up 1
	await 1 web 1
	mark 1
	pod_start c1 "$LAB/tmp/asking" "$ECHO" dgram -s 4 "$kind" "$(vip "$kind" 70)"
	for ((i = 1; i < 30; i++)); do
		put_pods web "${pods[i % 4]}"
		sleep 0.1
	done
	wait "$STARTED"
	REPORT=$(<"$LAB/tmp/asking")
	echo "$REPORT"
	is "$(field "$REPORT" .errors)" 0 "errors that the client saw"
	[ "$(field "$REPORT" .answers)" -gt 1000 ] || fail "too few answers: $REPORT"
	# What was under way when an endpoint left may be lost, a datagram each time.
	between "$(field "$REPORT" .lost)" 0 29 "datagrams without an answer"
	counts_least 1 udp_healed 15
}

# Whoever has the old address now is nobody's business: the socket that was healed goes elsewhere, others reach it.
heal_old_address() {
	expose web 70 "" a1
	agent_up 1
	await 1 web 1
	mark 1
	talk c1 udp4 "connect=$(vip udp4 70)" ask pause ask
	heard "connect ok"
	heard "ask a1"
	heard pause
	put_pods web a2
	# The same address, another pod, another service.
	put_service other 71 "$PORTS_BOTH"
	slice_yaml other-4 other IPv4 "$PORTS_BOTH" "" "$(pod_ip4 a1),ready,node1,uid-new" | put pods-other.yaml
	wait_for 5 only_endpoint udp4 a2 || wait_for 5 has_endpoints 1 other 1
	await 1 web 1
	go_on
	heard "ask a2"
	counts 1 udp_healed 1
	is "$(does c1 udp4 "connect=$(pod_ip4 a1)/8080" ask)" "connect ok; ask a1"
	is "$(does c1 udp4 "connect=$(vip udp4 71)" ask)" "connect ok; ask a1"
	counts 1 udp_healed 1
}

# With nobody left datagrams go where they went.
heal_nobody() {
	expose web 70 "" a1
	agent_up 1
	await 1 web 1
	mark 1
	talk c1 udp4 "connect=$(vip udp4 70)" ask pause ask
	heard "connect ok"
	heard "ask a1"
	heard pause
	put_pods web
	await 1 web 0
	go_on
	heard "ask a1"
	counts 1 udp_healed 0
}

# A socket that connects anew leaves nothing of the old connection behind.
heal_reconnect() {
	expose web 70 "" a1
	agent_up 1
	await 1 web 1
	mark 1
	talk c1 udp4 "connect=$(vip udp4 70)" ask pause ask "connect=$(pod_ip4 b1)/8080" ask pause "connect=$(vip udp4 70)" ask
	heard "connect ok"
	heard "ask a1"
	heard pause
	put_pods web a2
	await 1 web 1
	wait_for 5 only_endpoint udp4 a2
	go_on
	heard "ask a2"
	heard "connect ok"
	heard "ask b1"
	heard pause
	no_rows || fail "rows of the connection from before are left"
	go_on
	heard "connect ok"
	heard "ask a2"
	counts 1 udp_healed 1
}

# Datagrams in fragments, there and back, each byte compared.
heal_large() {
	local kind=$1 pod
	put_service dns 72 "dns/UDP/80/7000"
	pods_yaml dns "dns/UDP/80/7000" "" a1 | put pods-dns.yaml
	for pod in a1 b1; do
		pod_start "$pod" "$LAB/tmp/echo-$pod" "$ECHO" serve "$(pod_ip4 "$pod")/7000" "$(pod_ip6 "$pod")/7000"
		wait_for 5 has_lines "$LAB/tmp/echo-$pod" 2 || fail "$pod does not serve"
	done
	agent_up 1
	await 1 dns 1
	mark 1
	pod_start c1 "$LAB/tmp/asking" "$ECHO" dgram -s 2 -b 5000 "$kind" "$(vip "$kind" 72)"
	sleep 0.5
	pods_yaml dns "dns/UDP/80/7000" "" b1 | put pods-dns.yaml
	wait "$STARTED"
	REPORT=$(<"$LAB/tmp/asking")
	echo "$REPORT"
	counts 1 udp_healed 1
	[ "$(field "$REPORT" .answers)" -gt 500 ] || fail "too few whole answers: $REPORT"
	between "$(field "$REPORT" '.sent - .answers')" 0 3 "datagrams without an answer"
}

for kind in udp4 udp6 udpm; do
	test_add "heal/large-$kind" heal_large "$kind"
	test_add "heal/replaced-$kind" heal_replaced "$kind"
	test_add "heal/churn-$kind" heal_churn "$kind"
done
test_add heal/old-address heal_old_address
test_add heal/nobody heal_nobody
test_add heal/reconnect heal_reconnect
