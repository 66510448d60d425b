#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What is counted of connections and flows, how long answers take, and who gets the next connection for it.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

# Connections of a client to a pod as the kernel lists them.
established() { ns_run "$1" ss -Htn state established dst "$(pod_ip4 "$2")" dport = :7000 | wc -l; }

same_as_ss() {
	local pod
	for pod in a1 a2 b1; do [ "$(of web "$pod" connections)" = "$(established c1 "$pod")" ] || return 1; done
}

# 10,000 connections that end in all ways there are, with 30 that stay; the agent dies in the middle.
load_live() {
	local pod sum=0
	expose_odd web 100 "weft.dev/consecutive-failures=0" a1 a2 b1
	odd a1
	odd a2
	agent_plain 1
	mark 1
	# b1 refuses, so that some of the 40 fail.
	pod_start c1 "$LAB/tmp/held" "$EXCHANGE" hold 40 "$(vip4 100)/80"
	wait_for 10 file_has "$LAB/tmp/held" '^holding'
	HELD=$(sed -n 's/^holding //p' "$LAB/tmp/held")
	between "$HELD" 10 39 "connections held"
	echo "$STARTED" >"$LAB/tmp/held.pid"
	is "$(pod_run c1 "$EXCHANGE" fates 5000 "$(vip4 100)/80")" "met 5000"
	agent_kill "$AGENT"
	is "$(pod_run c1 "$EXCHANGE" fates 2500 "$(vip4 100)/80")" "met 2500"
	agent_plain 1
	is "$(pod_run c1 "$EXCHANGE" fates 2500 "$(vip4 100)/80")" "met 2500"
	wait_for 10 same_as_ss || fail "weft says $(of web a1 connections) $(of web a2 connections) $(of web b1 connections), ss says $(
		established c1 a1) $(established c1 a2) $(established c1 b1)"
	for pod in a1 a2 b1; do sum=$((sum + $(of web "$pod" connections))); done
	is "$sum" "$HELD" "live connections"
	is "$(($(of web a1 started) + $(of web a2 started) + $(of web b1 started)))" "$(counted 1 connect_balanced)" "connections begun"
	is "$(of web b1 refused)" "$(counted 1 connect_refused)"
	counts_least 1 connect_refused 2000
	let_go held
	for pod in a1 a2 b1; do await_of web "$pod" connections 0; done
}

# One endpoint in two services is one busy thing.
load_shared() {
	expose_odd web 100 "" a1
	expose_odd other 101 "" a1
	odd a1
	agent_up 1
	hold c1 one 3 "$(vip4 100)/80"
	hold c1 two 2 "$(vip4 101)/80"
	is "$(of web a1 connections) $(of other a1 connections)" "5 5"
	let_go one
	await_of other a1 connections 2
	let_go two
	await_of web a1 connections 0
}

# Bytes, connects and round trips of both families, exactly.
load_bytes() {
	local family=$1 to
	to=$(vip "tcp$family" 100)
	expose_odd web 100 "" a1
	odd a1
	agent_up 1
	clean "$(exchanges c1 -k -n 10 -b 100000 "$to")" 10
	await_of web a1 connections 0 "$family"
	is "$(of web a1 established "$family")" 1
	is "$(of web a1 sent_bytes "$family")" 640
	is "$(of web a1 received_bytes "$family")" 1000000
	between "$(of web a1 connect_us "$family")" 1 100000 "connect latency"
	between "$(of web a1 rtt_us "$family")" 1 100000 "round trip"
}

# UDP: what is counted is flows.
load_udp() {
	local kind=$1 family=4
	[ "$kind" != udp6 ] || family=6
	expose web 100 "" a1
	expose other 101 "" b1
	agent_up 1
	mark 1
	talk c1 "$kind" "connect=$(vip "$kind" 100)" ask pause "connect=$(vip "$kind" 101)" ask pause \
		"connect=$(pod_ip "$kind" a2)/8080" ask pause
	heard "connect ok"
	heard "ask a1"
	heard "pause"
	is "$(flows web a1 "$family") $(flows other b1 "$family")" "1 0" "flows of a connected socket"
	go_on
	heard "connect ok"
	heard "ask b1"
	heard "pause"
	is "$(flows web a1 "$family") $(flows other b1 "$family")" "0 1" "after it was connected elsewhere"
	go_on
	heard "connect ok"
	heard "ask a2"
	heard "pause"
	is "$(flows web a1 "$family") $(flows other b1 "$family")" "0 0" "after it was connected to no service"
	go_on
	counts 1 udp_flow 2
}

load_udp_unconnected() {
	expose web 100 "" a1
	expose other 101 "" b1
	agent_up 1
	talk c1 udp4 "send=$(vip4 100)/80" recv "send=$(vip4 101)/80" recv "send=$(vip4 100)/80" recv pause socket pause
	heard "send ok"
	heard "recv a1.*"
	heard "send ok"
	heard "recv b1.*"
	heard "send ok"
	heard "recv a1.*"
	heard "pause"
	is "$(flows web a1) $(flows other b1)" "1 1" "flows of one socket with two services"
	# The services' endpoints change: the flow moves with the choice.
	put_pods web a2
	await 1 web 1
	go_on
	heard "pause"
	is "$(flows web a2) $(flows other b1)" "0 0" "after the socket was closed"
	go_on
}

flows() {
	local address
	[ "${3:-4}" = 6 ] && address=$(pod_ip6 "$2") || address=$(pod_ip4 "$2")
	weft 1 get endpoints -o json | jq -r --arg name "$1" --arg address "$address" \
		'map(select(.service == $name and .address == $address and .protocol == "UDP"))[0].connections'
}

# A restart of the agent changes no count; an unload forgets, and the next agent counts in what is open.
load_adopted() {
	local family=$1 to
	to=$(vip "tcp$family" 100)
	expose_odd web 100 "" a1 a2
	odd a1
	odd a2
	agent_up 1
	hold c1 held 12 "$to"
	hold c2 more 3 "$to"
	agent_kill "$AGENT"
	agent_up 1
	is "$(($(of web a1 connections "$family") + $(of web a2 connections "$family")))" 15
	agent_end "$AGENT"
	weft_unload 1 >/dev/null
	agent_up 1
	file_has "$(agent_log 1)" "counted in 15 connections" || fail "the agent does not tell: $(<"$(agent_log 1)")"
	is "$(($(of web a1 connections "$family") + $(of web a2 connections "$family")))" 15
	is "$(weft 1 get stats -o json | jq 'map(select(.name == "adopted"))[0].value')" 15
	let_go more
	let_go held
	await_of web a1 connections 0 "$family"
	await_of web a2 connections 0 "$family"
}

# ---- algorithms ----

# Connections that stay are spread so that each endpoint has as many for its weight.
load_least_conn() {
	local pod
	expose_odd web 100 "lb=least_conn" a1 a2 b1 b2
	for pod in a1 a2 b1 b2; do odd "$pod"; done
	agent_up 1
	hold c1 held 80 "$(vip4 100)/80"
	for pod in a1 a2 b1 b2; do between "$(of web "$pod" connections)" 17 23 "connections of $pod"; done
	let_go held
}

# Of two endpoints both are looked at each time: 1 : 3 to within one connection for least_conn.
load_weights() {
	local algorithm=$1 slack=$2
	put_service web 100 "$ODD_PORTS" "lb=$algorithm"
	pods_yaml web@light "$ODD_PORTS" 1 a1 | put pods-web@light.yaml
	pods_yaml web@heavy "$ODD_PORTS" 3 a2 | put pods-web@heavy.yaml
	# Long beside what a busy machine adds to it.
	odd a1 -d 20
	odd a2 -d 20
	agent_up 1
	hold c1 held 80 "$(vip4 100)/80"
	between "$(of web a1 connections)" $((20 - slack)) $((20 + slack)) "connections of weight 1 of 4"
	let_go held
}

# At rest least_conn goes by weight alone. (A close that is a RST leaves nothing behind that is still live.)
load_weights_at_rest() {
	local report
	put_service web 100 "$PORTS_BOTH" lb=least_conn
	put_weighted web@light 1 a1
	put_weighted web@middle 2 b1
	put_weighted web@heavy 5 a2
	agent_up 1
	report=$(load c1 -c 20000 tcp4 "$(vip4 100)/80")
	clean "$report" 20000
	chi_square "$report" a1=1 a2=5 b1=2
}

# One of four is ten times slower: avoided, and back when it is well again.
load_slow() {
	local algorithm=$1 most=$2 pod report
	expose_odd web 100 "lb=$algorithm weft.dev/ewma-decay=1s" a1 a2 b1 b2
	for pod in a1 a2 b1; do odd "$pod" -d 2; done
	odd b2 -d 20
	agent_up 1
	report=$(exchanges c1 -t 12 -s 2 "$(vip4 100)/80")
	clean "$report" 500
	between "$(share "$report" b2)" 0 "$most" "share of the slow one"
	if [ "$algorithm" = ewma ]; then
		between "$(of web b2 mean_us)" 19000 40000 "its mean response time"
		between "$(of web a1 mean_us)" 1900 8000 "a quick one's"
		[ "$(of web b2 response_us)" -gt $((2 * $(of web a1 response_us))) ] || fail "not to be told apart"
	fi
	kill -USR1 "${ODD[b2]}"
	for pod in a1 a2 b1; do kill -USR1 "${ODD[$pod]}"; done
	exchanges c1 -t 12 -s 2 "$(vip4 100)/80" >/dev/null
	report=$(exchanges c1 -t 12 -s 2 "$(vip4 100)/80")
	clean "$report" 500
	between "$(share "$report" b2)" 12 50 "its share when it is well again"
}

# A new endpoint among busy ones gets its share, not everything.
load_newcomer() {
	local report
	expose_odd web 100 "lb=ewma" a1 a2
	odd a1 -d 5
	odd a2 -d 5
	odd b1 -d 5
	agent_up 1
	clean "$(exchanges c1 -t 8 -s 1 "$(vip4 100)/80")" 100
	pods_yaml web "$ODD_PORTS" "" a1 a2 b1 | put pods-web.yaml
	await 1 web 3
	report=$(exchanges c1 -t 8 -s 1 "$(vip4 100)/80")
	clean "$report" 100
	between "$(share "$report" b1)" 20 50 "share of the new one"
}

# ---- response times ----

# As many samples as turn-arounds, and the mean that the client sees.
load_response() {
	local family=$1 size=$2 pipeline=$3 to report first
	to=$(vip "tcp$family" 100)
	expose_odd web 100 "weft.dev/measure=response-time" b1
	odd b1 -d 5
	agent_up 1
	mark 1
	report=$(exchanges c1 -k -t 2 -n 100 -b "$size" -p "$pipeline" "$to")
	clean "$report" 200
	is "$(of web b1 exchanges "$family")" 200 "exchanges"
	counts 1 exchange 200
	first=$(field "$report" .first_byte_us)
	awk -v kernel="$(of web b1 mean_us "$family")" -v client="$first" \
		'BEGIN { off = (kernel - client) / client; exit !(off < 0.05 && off > -0.05) }' ||
		fail "the kernel says $(of web b1 mean_us "$family") us, the client $first us"
	is "$(weft 1 get endpoints -o json | jq --arg address "$(pod_ip "tcp$family" b1)" \
		'map(select(.address == $address))[0].histogram | map(.[1]) | add')" 200 "exchanges in the histogram"
	[ "$(weft 1 get endpoints -o json | jq --arg address "$(pod_ip "tcp$family" b1)" \
		'map(select(.address == $address))[0].histogram | map(select(.[0] == 8192))[0][1] // 0')" -ge 180 ] ||
		fail "5 ms is not in the bucket up to 8192 us: $(of web b1 histogram "$family")"
}

# A new connection each time counts as well.
load_response_short() {
	expose_odd web 100 "weft.dev/measure=response-time" b1
	odd b1
	agent_up 1
	clean "$(exchanges c1 -n 300 "$(vip4 100)/80")" 300
	is "$(of web b1 exchanges)" 300
}

# Where nobody asked nothing is measured; switched on and off while connections go on.
load_response_asked() {
	expose_odd web 100 "" b1
	odd b1
	agent_up 1
	mark 1
	clean "$(exchanges c1 -n 50 "$(vip4 100)/80")" 50
	counts 1 exchange 0
	is "$(of web b1 exchanges) $(of web b1 mean_us) $(of web b1 response_us)" "null null null"
	put_service web 100 "$ODD_PORTS" weft.dev/measure=response-time
	wait_for 5 is_measured true || fail "not switched on"
	clean "$(exchanges c1 -n 50 "$(vip4 100)/80")" 50
	is "$(of web b1 exchanges)" 50
	put_service web 100 "$ODD_PORTS"
	wait_for 5 is_measured false || fail "not switched off"
	clean "$(exchanges c1 -n 50 "$(vip4 100)/80")" 50
	counts 1 exchange 50
}

is_measured() { [ "$(weft 1 get services -o json | jq '.[0].measured')" = "$1" ]; }

# A slow gRPC server is known by its turn-arounds, whatever HTTP/2 says beside.
load_grpc() {
	local report rpc="grpc/TCP/90/7090"
	(cd "$ROOT/tests/apps" && HOME=${HOME:-/root} go build -buildvcs=false -o "$LAB/tmp/" ./rpc ./client)
	put_service rpc 100 "$rpc" lb=ewma
	pods_yaml rpc "$rpc" "" a1 a2 b1 | put pods-rpc.yaml
	pod_start a1 "$LAB/tmp/a1" env NAME=a1 PORT=7090 "$LAB/tmp/rpc"
	pod_start a2 "$LAB/tmp/a2" env NAME=a2 PORT=7090 "$LAB/tmp/rpc"
	pod_start b1 "$LAB/tmp/b1" env NAME=b1 PORT=7090 DELAY=30ms "$LAB/tmp/rpc"
	agent_up 1
	wait_for 5 grpc_answers || fail "no answer"
	report=$(pod_run c1 "$LAB/tmp/client" -mode grpc -target "$(vip4 100):90" -concurrency 4 -duration 2s)
	is "$(field "$report" .failures)" 0 "failures"
	between "$(field "$report" '100 * (.by_endpoint.b1 // 0) / .requests')" 0 8 "share of the slow one"
	between "$(of rpc b1 response_us)" 10000 60000 "its response time"
}

grpc_answers() {
	[ "$(pod_run c1 "$LAB/tmp/client" -mode grpc -target "$(vip4 100):90" -concurrency 3 -duration 100ms 2>/dev/null |
		jq '.failures == 0 and .requests > 0')" = true ]
}

test_add load/live load_live
test_add load/shared load_shared
for family in 4 6; do
	test_add "load/bytes-tcp$family" load_bytes "$family"
	test_add "load/adopted-tcp$family" load_adopted "$family"
	test_add "load/response-64B-tcp$family" load_response "$family" 64 1
	test_add "load/response-100KB-tcp$family" load_response "$family" 102400 1
	test_add "load/response-pipelined-tcp$family" load_response "$family" 64 4
done
for kind in udp4 udp6 udpm; do test_add "load/flows-$kind" load_udp "$kind"; done
test_add load/flows-unconnected load_udp_unconnected
test_add load/least-conn load_least_conn
test_add load/least-conn-weights load_weights least_conn 1
test_add load/ewma-weights load_weights ewma 8
test_add load/weights-at-rest load_weights_at_rest
test_add load/slow-ewma load_slow ewma 5
test_add load/slow-least-conn load_slow least_conn 20
test_add load/newcomer load_newcomer
test_add load/response-short load_response_short
test_add load/response-asked load_response_asked
test_add load/grpc load_grpc
