#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Counts stay right whatever becomes of a socket: given up, used again, left half open, held by somebody else; and
# of flows and response times where services share an endpoint.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

# Sockets of a client to a pod as the kernel lists them. What waits only for stray packets is no socket any more.
sockets() { ns_run "$1" ss -Htan state "${3:-connected}" dst "$(pod_ip4 "$2")" dport = :7000 | grep -cv -e '^TIME-WAIT' -e '^FIN-WAIT-2' || true; }

is_as_ss() { [ "$(of web "$1" connections)" = "$(sockets c1 "$1")" ]; }

# While the SYN is under way it counts; who gives up early is forgotten, and blames nobody.
fate_given_up() {
	local i steps=(nonblock "connect=$(vip4 105)/80" pause)
	expose_odd web 105 "weft.dev/consecutive-failures=1" a1
	moody a1
	agent_plain 1
	mute a1 c1
	mark 1
	for ((i = 0; i < 40; i++)); do steps+=(socket nonblock "connect=$(vip4 105)/80"); done
	talk c1 tcp4 "${steps[@]}" socket pause
	heard "connect EINPROGRESS"
	heard pause
	is "$(of web a1 connections) $(sockets c1 a1 syn-sent)" "1 1" "while the SYN is under way"
	go_on
	for ((i = 0; i < 40; i++)); do heard "connect EINPROGRESS"; done
	heard pause
	is "$(of web a1 connections) $(of web a1 started) $(of web a1 established)" "0 41 0" "after all were given up"
	counts 1 connect_timed_out 0
	counts 1 ejected 0
	go_on
}

# One socket: refused, connected after all, let go, connected to another service, and to none.
fate_used_again() {
	local kind=$1 family=4
	[ "$kind" != tcp6 ] || family=6
	expose_odd web 105 "" a1
	expose_odd other 106 "" b1
	moody a1 refuse
	moody b1
	agent_plain 1
	mark 1
	talk c1 "$kind" "connect=$(vip "$kind" 105)" pause "connect=$(vip "$kind" 105)" ask pause unspec pause \
		"connect=$(vip "$kind" 106)" ask peer pause unspec "connect=$(pod_ip "$kind" a1)/7000" ask peer pause
	heard "connect ECONNREFUSED"
	heard pause
	is "$(both "$family")" "0 0" "after it was refused"
	mood a1 answer
	go_on
	heard "connect ok"
	heard "ask a1"
	heard pause
	is "$(both "$family")" "1 0" "connected"
	go_on
	heard "unspec ok"
	heard pause
	is "$(both "$family")" "0 0" "let go"
	go_on
	heard "connect ok"
	heard "ask b1"
	heard "peer $(seen "$kind" "$(vip "$kind" 106)")"
	heard pause
	is "$(both "$family")" "0 1" "connected to another service"
	go_on
	heard "unspec ok"
	heard "connect ok"
	heard "ask a1"
	heard "peer $(seen "$kind" "$(pod_ip "$kind" a1)/7000")"
	heard pause
	is "$(both "$family")" "0 0" "connected to no service"
	go_on
	is "$(of web a1 started "$family") $(of web a1 established "$family") $(of web a1 refused "$family")" "2 1 1"
	is "$(of other b1 started "$family") $(of other b1 established "$family")" "1 1"
	counts 1 connect_balanced 3
	counts 1 connect_direct 1
	counts 1 connection_reset 0
}

both() { echo "$(of web a1 connections "$1") $(of other b1 connections "$1")"; }

# The server has closed, the client has not: the connection is still there.
fate_close_wait() {
	expose_odd web 105 "" a1
	moody a1 close
	agent_plain 1
	talk c1 tcp4 "connect=$(vip4 105)/80" pause socket pause
	heard "connect ok"
	heard pause
	wait_for 5 has_sockets close-wait || fail "not half closed: $(ns_run c1 ss -tan)"
	is "$(of web a1 connections)" 1 "while the client keeps it"
	go_on
	heard pause
	await_of web a1 connections 0
	go_on
}

has_sockets() { [ "$(sockets c1 a1 "$1")" = 1 ]; }

# The client has closed, and the other side does not know yet: it is there until the kernel is done with it.
fate_fin_wait() {
	expose_odd web 105 "" a1
	moody a1
	agent_plain 1
	# shellcheck disable=SC2016 # expanded there
	pod_start c1 "$LAB/tmp/held" bash -c 'exec 3<>"/dev/tcp/$1/80"; echo open; sleep 100' open "$(vip4 105)"
	wait_for 5 file_has "$LAB/tmp/held" open || fail "not open"
	mute a1 c1
	pod_kill_all c1
	wait_for 5 has_sockets fin-wait-1 || fail "it does not close: $(ns_run c1 ss -tan)"
	is "$(of web a1 connections)" 1 "while its FIN is under way"
	unmute a1 c1
	await_of web a1 connections 0
}

# All processes that a test has started in a pod.
pod_kill_all() {
	local pid
	while read -r pid; do kill -KILL "$pid" 2>/dev/null || true; done <"$(pod_cgroup "$1")/cgroup.procs"
}

# A socket that a child has, too, is open until both have let go.
fate_inherited() {
	local child
	expose_odd web 105 "" a1
	moody a1
	agent_plain 1
	# shellcheck disable=SC2016 # expanded there
	pod_start c1 "$LAB/tmp/parent" bash -c 'exec 3<>"/dev/tcp/$1/80"; sleep 100 & exec 3>&-; echo "child $!"' open "$(vip4 105)"
	wait "$STARTED"
	child=$(sed -n 's/^child //p' "$LAB/tmp/parent")
	is "$(of web a1 connections)" 1 "after the one that opened it has ended"
	kill -KILL "$child"
	await_of web a1 connections 0
}

# Fifty at once, of a client that is killed.
fate_killed() {
	expose_odd web 105 "lb=least_conn" a1 b1
	odd a1
	odd b1
	agent_plain 1
	hold c1 held 50 "$(vip4 105)/80"
	is "$(($(of web a1 connections) + $(of web b1 connections)))" 50
	is_as_ss a1 || fail "weft says $(of web a1 connections), ss says $(sockets c1 a1)"
	kill -KILL "$(<"$LAB/tmp/held.pid")"
	await_of web a1 connections 0
	await_of web b1 connections 0
}

# Many processors count at once; not one is lost.
fate_crowd() {
	local pod other one two
	expose_odd web 105 "lb=least_conn" a1 b1
	odd a1
	odd b1
	agent_plain 1
	mark 1
	pod_start c2 "$LAB/tmp/two" "$EXCHANGE" ask -t 20 -n 100 "$(vip4 105)/80"
	other=$STARTED
	one=$(exchanges c1 -t 20 -n 100 "$(vip4 105)/80")
	wait "$other"
	two=$(<"$LAB/tmp/two")
	clean "$one" 2000
	clean "$two" 2000
	counts 1 connect_balanced 4000
	for pod in a1 b1; do
		await_of web "$pod" connections 0
		is "$(of web "$pod" started) $(of web "$pod" established)" "$(jq -n --argjson a "$one" --argjson b "$two" --arg pod "$pod" \
			'($a.by_name[$pod] + $b.by_name[$pod]) | "\(.) \(.)"' -r)" "begun and established at $pod"
		is "$(of web "$pod" sent_bytes)" $((64 * $(of web "$pod" started))) "bytes sent to $pod"
	done
}

# A service goes while its connections stay: they still burden the endpoint for the other service.
fate_service_goes() {
	expose_odd web 105 "" a1
	expose_odd other 106 "" a1
	odd a1
	agent_plain 1
	hold c1 held 3 "$(vip4 105)/80"
	is "$(of other a1 connections)" 3
	drop service-web.yaml
	drop pods-web.yaml
	wait_for 5 has_of web a1 connections null || fail "the service stays"
	is "$(of other a1 connections)" 3 "after the service is gone"
	let_go held
	await_of other a1 connections 0
}

# An endpoint that is not ready for a while has its connections still, and as many as ss says when it is back.
fate_not_ready() {
	expose_odd web 105 "" a1
	moody a1
	agent_plain 1
	talk c1 tcp4 "connect=$(vip4 105)/80" pause socket pause
	heard "connect ok"
	heard pause
	is "$(of web a1 connections)" 1
	pods_yaml web "$ODD_PORTS" "" a1,notready b1 | put pods-web.yaml
	await_of web a1 state not_ready
	is "$(of web a1 connections)" 1 "while it is not ready"
	pods_yaml web "$ODD_PORTS" "" a1 b1 | put pods-web.yaml
	await 1 web 2
	is "$(of web a1 connections)" 1 "when it is ready again"
	go_on
	heard pause
	await_of web a1 connections 0
	go_on
}

has_endpoint_rows() { [ "$(bpftool -j map dump pinned "$LAB_BPF/node1/endpoints" | jq length)" = "$1" ]; }

# Data in the SYN is data.
fate_fast_open() {
	local i steps=()
	expose_odd web 105 "weft.dev/measure=response-time" a1
	trap 'fast_open 1' EXIT
	# Without cookies, and for every listener that begins to listen from now on.
	fast_open 1543
	moody a1
	agent_plain 1
	for ((i = 0; i < 10; i++)); do steps+=("fastopen=$(vip4 105)/80" recv socket); done
	is "$(does c1 tcp4 "${steps[@]}" | grep -o 'fastopen ok; recv a1' | wc -l)" 10 "exchanges"
	[ "$(ns_run a1 nstat -asz TcpExtTCPFastOpenPassive | awk 'END { print $2 + 0 }')" -ge 10 ] || fail "the data was not in the SYN"
	await_of web a1 connections 0
	is "$(of web a1 started) $(of web a1 established) $(of web a1 exchanges)" "10 10 10"
	is "$(of web a1 sent_bytes) $(of web a1 received_bytes)" "10 20" "bytes"
}

fast_open() {
	local pod
	for pod in c1 a1; do ns_run "$pod" sh -c "echo $1 >/proc/sys/net/ipv4/tcp_fastopen"; done
}

# Connections of IPv6 sockets to IPv4 services are counted in after an unload like any other.
fate_adopted_mapped() {
	expose_odd web 105 "" a1
	odd a1
	agent_plain 1
	hold c1 held 5 "::ffff:$(vip4 105)/80"
	is "$(of web a1 connections)" 5
	agent_end "$AGENT"
	weft_unload 1 >/dev/null
	agent_plain 1
	is "$(of web a1 connections)" 5 "after they were counted in"
	is "$(weft 1 get stats -o json | jq 'map(select(.name == "adopted"))[0].value')" 5
	let_go held
	await_of web a1 connections 0
}

# ---- flows ----

# A socket remembers eight services; the flow of the one that has to go for a ninth ends.
fate_evicted_flows() {
	local i steps=()
	for ((i = 0; i < 10; i++)); do
		expose "dns$i" $((105 + i)) "" a1
		steps+=("send=$(vip4 $((105 + i)))/80" recv)
	done
	agent_plain 1
	mark 1
	talk c1 udp4 "${steps[@]}" pause socket pause
	for ((i = 0; i < 10; i++)); do
		heard "send ok"
		heard "recv a1.*"
	done
	heard pause
	counts 1 udp_flow 10
	counts 1 udp_pair_evicted 2
	is "$(flows_of dns0 a1)" 8 "flows of one socket with ten services"
	go_on
	heard pause
	is "$(flows_of dns0 a1)" 0 "after it was closed"
	go_on
}

flows_of() {
	weft 1 get endpoints -o json | jq -r --arg name "$1" --arg address "$(pod_ip4 "$2")" \
		'map(select(.service == $name and .address == $address and .protocol == "UDP"))[0].connections'
}

# Those of a client that is killed end with it.
fate_killed_flows() {
	expose dns 105 "" a1
	agent_plain 1
	talk c1 udp4 "connect=$(vip4 105)/80" ask pause
	heard "connect ok"
	heard "ask a1"
	heard pause
	is "$(flows_of dns a1)" 1
	pod_kill_all c1
	wait_for 5 has_flows 0 || fail "flows of the dead: $(flows_of dns a1)"
}

has_flows() { [ "$(flows_of dns a1)" = "$1" ]; }

# ---- response times ----

# Of one endpoint in two services, that one is measured which asks for it.
fate_measured_apart() {
	expose_odd web 105 "weft.dev/measure=response-time" a1
	expose_odd other 106 "" a1
	odd a1
	agent_plain 1
	mark 1
	clean "$(exchanges c1 -n 50 "$(vip4 106)/80")" 50
	counts 1 exchange 0
	clean "$(exchanges c1 -k -n 70 "$(vip4 105)/80")" 70
	counts 1 exchange 70
	is "$(of web a1 exchanges) $(of other a1 exchanges)" "70 null"
}

# An IPv6 socket that talks IPv4: samples, each answer whole, and the client's own mean.
fate_measured_mapped() {
	local report
	expose_odd web 105 "weft.dev/measure=response-time" b1
	odd b1 -d 5
	agent_plain 1
	report=$(exchanges c1 -k -n 60 -b 3000 "::ffff:$(vip4 105)/80")
	clean "$report" 60
	is "$(of web b1 exchanges)" 60
	between "$(jq -n --argjson report "$report" --argjson mean "$(of web b1 mean_us)" '$mean / $report.first_byte_us')" 0.95 1.05 \
		"the kernel's mean to the client's"
}

# The agent's end is no end of a measurement, nor of a connection's part in it.
fate_measured_on() {
	expose_odd web 105 "lb=ewma" a1
	odd a1 -d 1
	agent_plain 1
	pod_start c1 "$LAB/tmp/long" "$EXCHANGE" ask -k -n 600 "$(vip4 105)/80"
	wait_for 5 has_exchanges 50 || fail "nothing is measured"
	agent_kill "$AGENT"
	agent_plain 1
	wait "$STARTED"
	clean "$(<"$LAB/tmp/long")" 600
	is "$(of web a1 exchanges)" 600
}

has_exchanges() { [ "$(of web a1 exchanges)" -ge "$1" ]; }

test_add fate/given-up fate_given_up
for kind in tcp4 tcp6 tcpm; do test_add "fate/used-again-$kind" fate_used_again "$kind"; done
test_add fate/close-wait fate_close_wait
test_add fate/fin-wait fate_fin_wait
test_add fate/inherited fate_inherited
test_add fate/killed fate_killed
test_add fate/crowd fate_crowd
test_add fate/service-goes fate_service_goes
test_add fate/not-ready fate_not_ready
test_add fate/fast-open fate_fast_open
test_add fate/adopted-mapped fate_adopted_mapped
test_add fate/evicted-flows fate_evicted_flows
test_add fate/killed-flows fate_killed_flows
test_add fate/measured-apart fate_measured_apart
test_add fate/measured-mapped fate_measured_mapped
test_add fate/measured-on fate_measured_on
