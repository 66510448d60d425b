#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# connect() by TCP and UDP, over IPv4, IPv6 and IPv4 by an IPv6 socket.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

KINDS="tcp4 tcp6 tcpm udp4 udp6 udpm"

# The answer is an endpoint's, and the application sees the service that it dialled.
connect_service() {
	local kind=$1 said
	expose web 10 "" a1 b1
	agent_up 1
	mark 1
	said=$(does c1 "$kind" "connect=$(vip "$kind" 10)" peer ask)
	matches "$said" "^connect ok; peer $(seen "$kind" "$(vip "$kind" 10)"); ask (a1|b1)$"
	counts 1 connect_balanced 1
	counts 1 getpeername_restored 1
}

connect_nonblocking() {
	local kind=$1 said
	expose web 10 "" a1 b1
	agent_up 1
	mark 1
	said=$(does c1 "$kind" nonblock "connect=$(vip "$kind" 10)" wait peer ask)
	matches "$said" \
		"^connect (EINPROGRESS|ok); wait ok; peer $(seen "$kind" "$(vip "$kind" 10)"); ask (a1|b1)$"
	counts 1 connect_balanced 1
}

# What is no service is left alone, and shown as it is.
connect_direct() {
	local kind=$1 at
	expose web 10 "" a1
	agent_up 1
	mark 1
	at=$(pod_ip "$kind" b1)/8080
	is "$(does c1 "$kind" "connect=$at" peer ask)" "connect ok; peer $(seen "$kind" "$at"); ask b1"
	counts 1 connect_other 1
	counts 1 connect_direct 0
	counts 1 getpeername_other 1
	is "$(does c1 "$kind" "connect=$(pod_ip "$kind" a1)/8080" ask)" "connect ok; ask a1"
	counts 1 connect_direct 1
	counts 1 connect_balanced 0
}

# The agent's own connections reach what they dial, whatever the rows say of it, and are in no count.
connect_own() {
	local kind=$1 at before
	at=$(pod_ip "$kind" b1)/8080
	service_yaml web 10 "web/TCP/8080/8080 web-udp/UDP/8080/8080" |
		sed "s/$(vip4 10)/$(pod_ip4 b1)/; s/$(vip6 10)/$(pod_ip6 b1)/" | put service-web.yaml
	pods_yaml web "web/TCP/8080/8080 web-udp/UDP/8080/8080" "" a1 | put pods-web.yaml
	agent_up 1
	await 1 web 1
	is "$(does c1 "$kind" "connect=$at" ask)" "connect ok; ask a1"
	mark 1
	before=$(weft 1 get stats -o json)
	is "$(does c1 "$kind" mark=0x57 "connect=$at" peer ask)" "connect ok; peer $(seen "$kind" "$at"); ask b1"
	is "$(weft 1 get stats -o json)" "$before" "all counters"
	# Another mark is nothing to weft.
	is "$(does c1 "$kind" mark=0x58 "connect=$at" ask)" "connect ok; ask a1"
	counts 1 connect_balanced 1
}

# A port of the address that is no port of the service.
connect_other_port() {
	expose web 10 "" a1
	agent_up 1
	mark 1
	does c1 tcp4 nonblock "connect=$(vip4 10)/81" >/dev/null
	counts 1 connect_balanced 0
	counts 1 connect_other 1
}

# Without endpoints: refused at once, not after a time-out and not with EPERM.
connect_empty() {
	local kind=$1
	expose web 10 ""
	agent_up 1
	mark 1
	is "$(does c1 "$kind" "connect=$(vip "$kind" 10)" within=50)" "connect ECONNREFUSED; within ok"
	is "$(does c1 "$kind" nonblock "connect=$(vip "$kind" 10)" within=50)" "connect ECONNREFUSED; within ok"
	counts 1 refused_empty 2
	counts 1 connect_balanced 0
}

# TCP and UDP on one port are two services.
connect_same_port() {
	local kind=$1 ports="http/TCP/80/9001 dns/UDP/80/9002"
	put_service both 11 "$ports"
	pods_yaml both "$ports" "" a1 | put pods-both.yaml
	agent_up 1
	mark 1
	is "$(does c1 "tcp$kind" "connect=$(vip "tcp$kind" 11)" ask)" "connect ok; ask a1-9001"
	is "$(does c1 "udp$kind" "connect=$(vip "udp$kind" 11)" ask)" "connect ok; ask a1-9002"
	counts 1 connect_balanced 2
}

# Two namespaces that have all addresses and ports in common: each reaches its own, at the same time.
connect_twins() {
	local kind=$1 address=10.98.0.1 family=IPv4 in1 in2 out1 out2 pod number=0 pids=()
	case $kind in *6) address=fd00:98::1 family=IPv6 ;; esac
	put_service twin 12 "$PORTS_BOTH" affinity=60
	slice_yaml twin twin "$family" "$PORTS_BOTH" "" "$address" | put pods-twin.yaml
	agent_up 1
	await_family 1 twin
	mark 1
	for pod in twin1 twin2; do
		number=$((number + 1))
		mkfifo "$LAB/tmp/in$number"
		pod_twin "$pod" "$kind" "$address" <"$LAB/tmp/in$number" >"$LAB/tmp/out$number" &
		pids+=($!)
	done
	exec {in1}>"$LAB/tmp/in1" {in2}>"$LAB/tmp/in2"
	for out1 in "$LAB/tmp/out1" "$LAB/tmp/out2"; do
		wait_for 5 file_has "$out1" pause || fail "no connection: $(<"$out1")"
	done
	echo >&"$in1"
	echo >&"$in2"
	wait "${pids[@]}"
	out1=$(tr '\n' ' ' <"$LAB/tmp/out1") out2=$(tr '\n' ' ' <"$LAB/tmp/out2")
	is "$out1" "bind ok connect ok pause peer $(seen "$kind" "$(vip "$kind" 12)") ask twin1 "
	is "$out2" "bind ok connect ok pause peer $(seen "$kind" "$(vip "$kind" 12)") ask twin2 "
	counts 1 connect_balanced 2
	counts 1 affinity_new 2
	counts 1 affinity_kept 0
}

pod_twin() {
	local pod=$1 kind=$2 address=$3
	pod_run "$pod" "$NET" "do" "$kind" "bind=$address/40000" "connect=$(vip "$kind" 12)" pause peer ask
}

await_family() {
	wait_for 5 some_endpoint "$@" || fail "service $2 has no endpoint"
}

some_endpoint() {
	weft "$1" get services -o json | jq -e --arg name "$2" 'any(.name == $name and .endpoints > 0)' >/dev/null
}

# A connected UDP socket goes from service to service, to pods and to nowhere, and none shows through: not even
# where it goes to the very endpoint that the service had given it.
connect_again() {
	local kind=$1 other same
	expose one 10 "" a1
	expose two 11 "" b1
	agent_up 1
	other=$(pod_ip "$kind" a2)/8080
	same=$(pod_ip "$kind" b1)/8080
	is "$(does c1 "$kind" "connect=$(vip "$kind" 10)" peer ask "connect=$(vip "$kind" 11)" peer ask \
		"connect=$same" peer ask "connect=$other" peer ask unspec peer "send=$other" recv \
		"connect=$(vip "$kind" 10)" peer ask)" \
		"connect ok; peer $(seen "$kind" "$(vip "$kind" 10)"); ask a1; $(
		)connect ok; peer $(seen "$kind" "$(vip "$kind" 11)"); ask b1; $(
		)connect ok; peer $(seen "$kind" "$same"); ask b1; $(
		)connect ok; peer $(seen "$kind" "$other"); ask a2; $(
		)unspec ok; peer ENOTCONN; send ok; recv a2 from $(seen "$kind" "$other"); $(
		)connect ok; peer $(seen "$kind" "$(vip "$kind" 10)"); ask a1"
}

# An answer to a connected UDP socket shows the service as its source.
connect_recv_source() {
	local kind=$1
	expose web 10 "" a1
	agent_up 1
	mark 1
	is "$(does c1 "$kind" "connect=$(vip "$kind" 10)" ask "mmsg=$(vip "$kind" 10)/1")" \
		"connect ok; ask a1; mmsg 1 a1 from $(seen "$kind" "$(vip "$kind" 10)")"
}

for kind in $KINDS; do
	test_add "connect/$kind" connect_service "$kind"
done
for kind in $KINDS; do
	test_add "connect-nonblocking/$kind" connect_nonblocking "$kind"
	test_add "connect-direct/$kind" connect_direct "$kind"
	test_add "connect-own/$kind" connect_own "$kind"
	test_add "connect-empty/$kind" connect_empty "$kind"
done
test_add connect-other-port connect_other_port
for kind in 4 6 m; do
	test_add "same-port-tcp-udp/$kind" connect_same_port "$kind"
done
for kind in tcp4 tcp6 udp4 udp6; do
	test_add "equal-addresses/$kind" connect_twins "$kind"
done
for kind in udp4 udp6 udpm; do
	test_add "reconnect/$kind" connect_again "$kind"
	test_add "connected-udp-source/$kind" connect_recv_source "$kind"
done
