#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Connects that fail: refused, unreachable, unanswered, their endpoint's link down. While one endpoint lives, none
# fails, and every byte is there.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

NEVER_EJECT="weft.dev/consecutive-failures=0"

# echoes POD...: they serve at port 7000.
echoes() {
	local pod
	for pod in "$@"; do
		pod_start "$pod" "$LAB/tmp/echo-$pod" "$ECHO" serve "$(pod_ip4 "$pod")/7000" "$(pod_ip6 "$pod")/7000"
		ECHOING[$pod]=$STARTED
		wait_for 5 has_lines "$LAB/tmp/echo-$pod" 2 || fail "$pod does not serve"
	done
}

# asks_echo POD ARGUMENT...: the line of JSON
asks_echo() { local pod=$1; shift; pod_run "$pod" "$ECHO" ask "$@"; }

# whole REPORT COUNT: so many connections, each byte of each, and the service for a peer
whole() {
	[ "$(field "$1" '"\(.ok) \(.failures)"')" = "$2 0" ] || weft 1 get stats | awk '$2'
	is "$(field "$1" '"\(.ok) \(.failures) \(.corrupt) \(.wrong_peer)"')" "$2 0 0 0" "ok, failed, corrupt and with a wrong peer of $1"
}

nothing_moved() { is "$(bpftool -j map dump pinned "$LAB_BPF/node1/moves" | jq length)" 0 "rows of moves"; }

# Rows of connections that have ended are gone with the sockets.
await_no_rows() { wait_for 5 nothing_moved 2>/dev/null || nothing_moved; }

# ---- how an endpoint fails ----

NFT_PODS=()
packets_of() {
	local pod=$1 rule=$2 hook=${3:-input}
	printf 'table inet weft-test {\n chain c {\n type filter hook %s priority 0;\n %s\n }\n}\n' "$hook" "$rule" |
		ns_run "$pod" nft -f -
	NFT_PODS+=("$pod")
	trap 'packets_free' EXIT
}

packets_free() {
	local pod
	for pod in "${NFT_PODS[@]}"; do ns_run "$pod" nft delete table inet weft-test 2>/dev/null || true; done
	for pod in "${LINK_PODS[@]}"; do link_up "$pod"; done
	NFT_PODS=() LINK_PODS=()
}

LINK_PODS=()
link_down() {
	ip -n "$LAB_NS-$1" link set eth0 down
	LINK_PODS+=("$1")
	trap 'packets_free' EXIT
}

link_up() {
	local n
	n=$(pod_node "$1")
	ip -n "$LAB_NS-$1" -batch - <<-END
		link set eth0 up
		address replace $(pod_ip6 "$1")/64 dev eth0 nodad
		route replace default via 10.244.$n.1
		route replace default via fd00:244:$n::1
	END
}

# fails KIND POD: of a pod that serves nothing at port 7000, or serves in vain
fails() {
	case $1 in
	refused) ;;
	unreachable)
		# As many errors as packets: the kernel sends them sparingly.
		ns_run "$2" sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv6/icmp/ratelimit'
		packets_of "$2" "tcp dport 7000 reject with icmpx type host-unreachable"
		;;
	silent) packets_of "$2" "tcp dport 7000 drop" ;;
	down) link_down "$2" ;;
	esac
}

# ---- tests ----

# Of a1, b1 and a2 the first DEAD fail.
rescue_some() {
	local kind=$1 how=$2 dead=$3 count=$4 pods=(b1 a2 a1) pod report moved
	expose_odd web 55 "$NEVER_EJECT" "${pods[@]}"
	echoes "${pods[@]:dead}"
	agent_up 1
	# What is known of an endpoint of another node shortens the time-outs for it.
	[ "$how" = refused ] || [ "$how" = unreachable ] || know b1 "$kind"
	for pod in "${pods[@]:0:dead}"; do fails "$how" "$pod"; done
	mark 1
	report=$(asks_echo c1 -n "$count" -b 200 "$kind" "$(vip "$kind" 55)")
	echo "$kind $how $dead of 3: $report"
	whole "$report" "$count"
	# Of so many connects a share of DEAD thirds meets a dead one: five standard deviations are left out.
	moved=$(counted 1 rescued)
	between "$moved" $((count * dead / 3 - count / 4)) "$count" "connects that were saved"
	case $how in
	# An error may be one too many to be sent.
	refused | unreachable) counts_least 1 rescue_refused $((moved * 9 / 10)) ;;
	*) counts_least 1 rescue_timeout "$moved" ;;
	esac
	counts 1 rescue_gave_up 0
	counts 1 rescue_full 0
	counts 1 rescue_malformed 0
	await_no_rows
}

# Connects to the pod before it fails, so that its latency is known.
know() {
	local pod=$1 kind=$2
	expose_odd known 56 "$NEVER_EJECT" "$pod"
	wait_for 5 has_endpoints 1 known 1 || fail "the service known never came"
	[ -n "${ECHOING[$pod]-}" ] || echoes "$pod"
	whole "$(asks_echo c1 -n 20 "$kind" "$(vip "$kind" 56)")" 20
	[ "$(of known "$pod" connect_us "$([ "$kind" = tcp6 ] && echo 6 || echo 4)")" -lt 20000 ]
}

# With nobody left a connect fails as it would have without weft.
rescue_none() {
	local how=$1 wanted=$2
	expose_odd web 55 "$NEVER_EJECT weft.dev/connect-timeout=1s" a1 a2 b1
	agent_up 1
	for pod in a1 a2 b1; do fails "$how" "$pod"; done
	mark 1
	report=$(asks_echo c1 -n 3 -t 20000 tcp4 "$(vip tcp4 55)")
	is "$(field "$report" '.errors | tojson')" "{\"$wanted\":3}"
	counts 1 rescue_gave_up 3
	counts 1 rescued 0
	await_no_rows
}

# 100 MB, and the peers that an application can see.
rescue_much() {
	expose_odd web 55 "$NEVER_EJECT" a1 b1
	echoes a1
	agent_up 1
	mark 1
	until_rescued -b 100000000 -t 20000
	whole "$REPORT" 1
	await_no_rows
}

# Asks until a connection was one that had to be moved.
until_rescued() {
	local i before
	for ((i = 0; i < 50; i++)); do
		before=$(counted 1 rescued)
		REPORT=$(asks_echo c1 "$@" tcp4 "$(vip tcp4 55)")
		[ "$(counted 1 rescued)" = "$before" ] || return 0
	done
	fail "no connect met the dead endpoint"
}

# A client that has used nearly all of its ports towards the living endpoint within the last minute.
rescue_worn_ports() {
	expose_odd web 55 "$NEVER_EJECT" a1 b1
	odd a1
	agent_up 1
	ns_run c1 sh -c 'echo 32768 60999 >/proc/sys/net/ipv4/ip_local_port_range'
	exchanges c1 -n 26000 "$(pod_ip4 a1)/7000" >/dev/null
	ns_run c1 sh -c 'echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range'
	mark 1
	is "$(field "$(exchanges c1 -n 400 "$(vip tcp4 55)")" .failures)" 0
	counts_least 1 rescued 100
	counts 1 rescue_full 0
	await_no_rows
}

rescue_reset() {
	expose_odd web 55 "$NEVER_EJECT" a1 b1
	echoes a1
	agent_up 1
	mark 1
	whole "$(asks_echo c1 -n 200 -R tcp4 "$(vip tcp4 55)")" 200
	counts_least 1 rescued 50
	await_no_rows
	wait_for 5 has_of web a1 connections 0 || fail "connections are left at a1"
}

# As Go's own clients may be.
rescue_mptcp() {
	expose_odd web 55 "$NEVER_EJECT" a1 b1
	echoes a1
	agent_up 1
	mark 1
	REPORT=$(asks_echo c1 -n 300 -M "$1" "$(vip "$1" 55)")
	# Its getpeername() is answered by the socket above the one that connects.
	is "$(field "$REPORT" '"\(.ok) \(.failures) \(.corrupt)"')" "300 0 0" "ok, failed and corrupt of $REPORT"
	counts_least 1 rescued 80
	await_no_rows
}

rescue_nonblocking() {
	expose_odd web 55 "$NEVER_EJECT" a1 b1
	echoes a1
	agent_up 1
	mark 1
	whole "$(asks_echo c1 -n 300 -N "$1" "$(vip "$1" 55)")" 300
	counts_least 1 rescued 80
}

# Each socket has the same port; so has, towards the living endpoint, one that was opened before.
rescue_port_taken() {
	expose_odd web 55 "$NEVER_EJECT" a1 b1
	echoes a1
	agent_up 1
	mark 1
	pod_start c1 "$LAB/tmp/direct" "$ECHO" ask -p 7777 -g 3000 tcp4 "$(pod_ip4 a1)/7000"
	wait_for 5 is_connected c1 "$(pod_ip4 a1):7000" || fail "no direct connection"
	until_rescued -p 7777
	whole "$REPORT" 1
	counts_least 1 rescue_port 1
	wait "$STARTED"
	whole "$(<"$LAB/tmp/direct")" 1
	await_no_rows
}

is_connected() { ns_run "$1" ss -tnH state established dst "$2" | grep -q .; }

# The other way round: a direct connection would be taken for one that was moved.
rescue_port_avoided() {
	expose_odd web 55 "$NEVER_EJECT" a1 b1
	echoes a1
	agent_up 1
	mark 1
	start_rescued -p 7777 -g 2000
	counts 1 rescued 1
	whole "$(asks_echo c1 -p 7777 tcp4 "$(pod_ip4 a1)/7000")" 1
	counts_least 1 rescue_port 1
	wait "$STARTED"
	whole "$(<"$LAB/tmp/moved")" 1
	await_no_rows
}

# An endpoint that was given up answers after all: it is reset, and the connection that went elsewhere is not.
rescue_late() {
	expose_odd web 55 "$NEVER_EJECT" a1 a2
	echoes a1 a2
	agent_up 1
	packets_of a2 "tcp sport 7000 drop" output
	mark 1
	start_rescued -g 2500
	packets_free
	# The SYN-ACK is sent again after a second.
	wait_for 5 is_late || fail "nobody answered late"
	wait "$STARTED"
	whole "$(<"$LAB/tmp/moved")" 1
	counts 1 rescue_late 1
	is "$(of web a2 established)" 0
	# It is not dead but slow, and has more time now.
	between "$(of web a2 connect_us)" 500000 5000000 "connect latency"
	await_no_rows
}

is_late() { [ "$(counted 1 rescue_late)" = 1 ]; }

# A connection that had to be moved, in the background.
start_rescued() {
	local i
	for ((i = 0; i < 30; i++)); do
		pod_start c1 "$LAB/tmp/moved" "$ECHO" ask "$@" tcp4 "$(vip tcp4 55)"
		sleep 0.3
		[ "$(counted 1 rescued)" = 0 ] || return 0
		kill -KILL "$STARTED"
		wait "$STARTED" 2>/dev/null || true
	done
	fail "no connect met the dead endpoint"
}

# Failures count, and eject; the connections count for who answered.
rescue_account() {
	expose_odd web 55 "weft.dev/consecutive-failures=3" a1 b1
	odd a1
	agent_up 1
	mark 1
	hold c1 held 40 "$(vip tcp4 55)"
	counts 1 connect_refused 3
	counts 1 rescued 3
	counts 1 ejected 1
	is "$(of web b1 health)" ejected
	is "$(of web a1 connections) $(of web b1 connections)" "40 0"
	is "$(of web a1 established) $(of web b1 established)" "40 0"
	is "$(of web b1 refused)" 3
	let_go held
	await_of web a1 connections 0
	await_no_rows
}

# A client stays with the endpoint that answered.
# The client's own pod is an endpoint, too: no connect is moved there, as nothing would come back.
rescue_not_to_itself() {
	expose_odd web 55 "$NEVER_EJECT" c1 a1 b1
	echoes c1 a1
	agent_up 1
	mark 1
	whole "$(asks_echo c1 -n 300 -b 100 tcp4 "$(vip tcp4 55)")" 300
	counts_least 1 rescued 50
	counts 1 rescue_timeout 0
	await_no_rows
}

rescue_affinity() {
	local i
	for i in 1 2 3; do
		expose_odd "web$i" "$((60 + i))" "$NEVER_EJECT affinity=600" a1 b1
	done
	odd a1
	agent_up 1
	mark 1
	for i in 1 2 3; do
		for _ in 1 2 3 4; do
			is "$(field "$(exchanges c1 -n 1 "$(vip tcp4 "$((60 + i))")")" .failures)" 0
		done
	done
	# At most the first of each had to be moved.
	between "$(counted 1 rescue_refused)" 0 3 "connects that were moved"
}

rescue_agent_killed() {
	expose_odd web 55 "$NEVER_EJECT" a1 a2 b1
	echoes a1
	agent_up 1
	mark 1
	pod_start c1 "$LAB/tmp/asked" "$ECHO" ask -n 4000 -b 100 tcp4 "$(vip tcp4 55)"
	sleep 0.2
	agent_kill "$AGENT"
	wait "$STARTED"
	whole "$(<"$LAB/tmp/asked")" 4000
	whole "$(asks_echo c1 -n 300 tcp6 "$(vip tcp6 55)")" 300
	counts_least 1 rescued 2000
}

# No room to remember a move: the connect fails as it would have.
rescue_map_full() {
	local report
	expose_odd web 55 "$NEVER_EJECT" a1 b1
	echoes a1
	agent_up 1
	fill_moves
	mark 1
	report=$(asks_echo c1 -n 100 tcp4 "$(vip tcp4 55)")
	is "$(field "$report" '.errors | keys | tojson')" '["ECONNREFUSED"]'
	between "$(field "$report" .failures)" 20 80
	counts_least 1 rescue_full 20
	counts 1 rescued 0
}

fill_moves() {
	local key
	key=$(printf '0 %.0s' {1..44})
	seq 0 65535 | awk -v map="$LAB_BPF/node1/moves" -v key="$key" '{
		printf "map update pinned %s key %d %d 0 0 %s value", map, $1 % 256, int($1 / 256), key
		for (i = 0; i < 40; i++)
			printf " 0"
		print ""
	}' >"$LAB/tmp/fill"
	bpftool batch file "$LAB/tmp/fill" >/dev/null
}

# Two pods that see the same addresses: each is moved in its own namespace.
rescue_twins() {
	local pod pids=()
	expose_odd web 55 "$NEVER_EJECT" a1 b1
	echoes a1
	agent_up 1
	mark 1
	for pod in twin1 twin2; do
		pod_start "$pod" "$LAB/tmp/of-$pod" "$ECHO" ask -n 500 -p 7777 -R tcp4 "$(vip tcp4 55)"
		pids+=("$STARTED")
	done
	wait "${pids[@]}"
	for pod in twin1 twin2; do whole "$(<"$LAB/tmp/of-$pod")" 500; done
	counts_least 1 rescued 300
	await_no_rows
}

# A connect that carries data from the first packet is the application's own affair.
rescue_fastopen() {
	ns_run c1 sh -c 'echo 3 >/proc/sys/net/ipv4/tcp_fastopen'
	expose_odd web 55 "$NEVER_EJECT" b1 a2
	agent_up 1
	mark 1
	is "$(does c1 tcp4 "fastopen=$(vip tcp4 55)")" "fastopen ECONNREFUSED"
	counts 1 rescue_refused 0
}

# The patience of a socket is what it was, and what the service says where it says so.
rescue_patience() {
	local without with
	expose_odd web 55 "$NEVER_EJECT" a2
	expose_odd soon 56 "$NEVER_EJECT weft.dev/connect-timeout=2s" a2
	ns_run c1 sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_syn_retries'
	fails silent a2
	agent_up 1
	without=$(field "$(asks_echo c1 -t 30000 tcp4 "$(pod_ip4 a2)/7000")" .max_us)
	with=$(field "$(asks_echo c1 -t 30000 tcp4 "$(vip tcp4 55)")" .max_us)
	echo "without weft ${without} us, with it ${with} us"
	between "$with" "$(awk -v us="$without" 'BEGIN { print us * 0.75 }')" "$(awk -v us="$without" 'BEGIN { print us * 1.25 }')"
	between "$(field "$(asks_echo c1 -t 30000 tcp4 "$(vip tcp4 56)")" .max_us)" 1500000 2600000
	ns_run c1 sh -c 'echo 6 >/proc/sys/net/ipv4/tcp_syn_retries'
}

# An endpoint 80 ms away. far_up MS: it is at 10.247.0.2, behind node2, and counts the SYNs that it gets.
far_up() {
	ns_add far
	mkdir -p "$LAB_CGROUP/node2/far"
	in_cgroup "$LAB_CGROUP/agents" node2 "$ROOT/build/live/far" "$1" "$(ns_path node2)" far0 "$(ns_path far)" far1 \
		>"$LAB/tmp/far" 2>&1 </dev/null &
	trap far_down EXIT
	wait_for 5 file_has "$LAB/tmp/far" forwarding || fail "no far endpoint: $(<"$LAB/tmp/far")"
	ip -n "$LAB_NS-far" -batch - <<-END
		address add 10.247.0.2/24 dev far1
		link set far1 up
		route add default dev far1
	END
	ip -n "$LAB_NS-node2" link set far0 up
	ip -n "$LAB_NS-node2" route add 10.247.0.0/24 dev far0
	ip -n "$LAB_NS-node1" route add 10.247.0.0/24 via 172.30.0.2
	printf 'table inet weft-test {\n counter syns { }\n chain c {\n type filter hook input priority 0;\n %s\n }\n}\n' \
		"tcp flags & (syn | ack) == syn counter name syns" | ns_run far nft -f -
	in_cgroup "$LAB_CGROUP/node2/far" far "$ECHO" serve 10.247.0.2/7000 >"$LAB/tmp/echo-far" 2>&1 </dev/null &
	wait_for 5 has_lines "$LAB/tmp/echo-far" 1 || fail "it does not serve"
}

far_down() {
	ip -n "$LAB_NS-node1" route del 10.247.0.0/24 2>/dev/null || true
	umount "$(ns_path far)"
	rm -f "$(ns_path far)"
}

syns_at_far() { ns_run far nft list counter inet weft-test syns | awk '$1 == "packets" { print $2 }'; }

# However long its answer takes, it is waited for: not one SYN more than connects.
rescue_far_away() {
	far_up 40
	put_service web 55 "$ODD_PORTS" "$NEVER_EJECT"
	slice_yaml web-4 web IPv4 "$ODD_PORTS" "" "10.247.0.2,ready,node2,uid-far" | put pods-web.yaml
	expose_odd both 56 "$NEVER_EJECT" b1
	slice_yaml both-far both IPv4 "$ODD_PORTS" "" "10.247.0.2,ready,node2,uid-far" | put pods-both@far.yaml
	agent_up 1
	mark 1
	REPORT=$(asks_echo c1 -n 20 -b 10 tcp4 "$(vip tcp4 55)")
	whole "$REPORT" 20
	between "$(field "$REPORT" .p50_us)" 80000 500000 "microseconds of a connect"
	is "$(syns_at_far)" 20 "SYNs of 20 connects"
	# What was moved there is not sent its SYN again either, though the socket's timer is another's.
	know_quick
	whole "$(asks_echo c1 -n 30 -b 10 tcp4 "$(vip tcp4 56)")" 30
	counts_least 1 rescued 5
	counts 1 rescue_timeout 0
	is "$(syns_at_far)" 50 "SYNs of 50 connects"
}

# b1 has shown that it connects at once, and refuses now.
know_quick() {
	echoes b1
	expose_odd quick 57 "$NEVER_EJECT" b1
	wait_for 5 has_endpoints 1 quick 1 || fail "the service quick never came"
	whole "$(asks_echo c1 -n 20 tcp4 "$(vip tcp4 57)")" 20
	kill -KILL "${ECHOING[b1]}"
	wait "${ECHOING[b1]}" 2>/dev/null || true
}

declare -A ECHOING=()
test_add rescue/far-away rescue_far_away
for kind in tcp4 tcp6 tcpm; do test_add "rescue/refused-1-$kind" rescue_some "$kind" refused 1 1000; done
for kind in tcp4 tcp6; do
	test_add "rescue/refused-2-$kind" rescue_some "$kind" refused 2 1000
	test_add "rescue/unreachable-1-$kind" rescue_some "$kind" unreachable 1 1000
	test_add "rescue/unreachable-2-$kind" rescue_some "$kind" unreachable 2 1000
	test_add "rescue/silent-1-$kind" rescue_some "$kind" silent 1 300
	test_add "rescue/down-1-$kind" rescue_some "$kind" down 1 100
	test_add "rescue/down-2-$kind" rescue_some "$kind" down 2 100
	test_add "rescue/nonblocking-$kind" rescue_nonblocking "$kind"
	test_add "rescue/mptcp-$kind" rescue_mptcp "$kind"
done
test_add rescue/silent-2 rescue_some tcp4 silent 2 200
test_add rescue/none-refused rescue_none refused ECONNREFUSED
test_add rescue/none-silent rescue_none silent ETIMEDOUT
test_add rescue/much rescue_much
test_add rescue/reset rescue_reset
test_add rescue/worn-ports rescue_worn_ports
test_add rescue/port-taken rescue_port_taken
test_add rescue/port-avoided rescue_port_avoided
test_add rescue/late rescue_late
test_add rescue/account rescue_account
test_add rescue/not-to-itself rescue_not_to_itself
test_add rescue/affinity rescue_affinity
test_add rescue/agent-killed rescue_agent_killed
test_add rescue/map-full rescue_map_full
test_add rescue/twins rescue_twins
test_add rescue/fastopen rescue_fastopen
test_add rescue/patience rescue_patience
