#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The programs at the interfaces of pods: which get them, as they come and go, and what they know there.

# shellcheck source=interface.sh
. "$LIVE/interface.sh"

# A bridged pod and a routed one: what each has, in every format.
interface_shown() {
	local bridged routed
	own bridged p1
	own routed p2
	bridged=$(pod_link p1) routed=$(pod_link p2)
	agent_up 1
	is "$(names_of)" "$(lab_links | in_line "$bridged" "$routed")" "interfaces"
	is "$(interfaces | jq -c 'map([.role, .attached, .netns >= 0]) | unique')" '[["pod","tcx",true]]'
	is "$(of_interface "$bridged" gateway)" "$(mac_of br0)" "gateway of a bridged pod"
	is "$(of_interface "$bridged" guarded) $(of_interface "$bridged" addresses)" "[] []"
	is "$(of_interface "$routed" gateway)" "$(mac_of "$routed")" "gateway of a routed pod"
	is "$(of_interface "$routed" guarded)" '["IPv4","IPv6"]'
	is "$(of_interface "$routed" addresses)" "[\"$(pod_ip4 p2)\",\"$(pod_ip6 p2)\"]"
	is "$(of_interface "$routed" index)" "$(index_of "$routed")"
	is "$(interfaces | jq '(map(.netns) | unique | length) == length')" true "every pod is in a namespace of its own"
	matches "$(weft 1 get interfaces "$routed" --no-headers -o wide)" \
		"^$routed +[0-9]+ +pod +tcx +[0-9]+ +IPv4,IPv6 +$(pod_ip4 p2),$(pod_ip6 p2) +$(mac_of "$routed")"
	matches "$(weft 1 get interfaces -o yaml | tr -d "\n ")" "guarded:-\"IPv4\"-\"IPv6\""
	# The id is the kernel's own for the pod's namespace.
	is "$(of_interface "$routed" netns)" "$(netns_id p2)" "id of the namespace"
	matches "$(bpftool map dump pinned "$LAB_BPF/node1/interfaces")" "\"name\": \"$routed\"" "names by bpftool"
	matches "$(bpftool -j map dump pinned "$LAB_BPF/node1/sources" | jq -c '.[].formatted.key.address.bytes')" \
		"\[0,0,0,0,0,0,0,0,0,0,255,255,10,246,1,$(<"$LAB/pods/p2/host")\]" "addresses by bpftool"
	agent_kill "$AGENT"
	is "$(of_interface "$routed" attached)" tcx "without an agent"
}

# Packets go through both programs, from the first one on.
interface_sees_packets() {
	own routed p1
	agent_up 1
	# shellcheck disable=SC2016 # expanded there
	"$HOOK" runs bash -euo pipefail -c '
		. "$LIVE/assert.sh"
		runs() { bpftool -j prog show pinned "$LAB_BPF/node1/programs/$1" | jq ".run_cnt // 0"; }
		from=$(runs weft_from_pod) to=$(runs weft_to_pod)
		is "$(does p1 tcp4 "connect=$(pod_ip4 a1)/8080" ask)" "connect ok; ask a1"
		from=$(($(runs weft_from_pod) - from)) to=$(($(runs weft_to_pod) - to))
		# At both pods: three packets or more each way.
		[ "$from" -ge 6 ] && [ "$to" -ge 6 ] || fail "runs: $from from pods, $to to pods"' ||
		fail "the programs do not see the packets"
}

# ---- as they come and go ----

# 200 interfaces, one after the other: each has its programs 50 ms after it is up, and nothing is left of it.
interface_churn() {
	local i index quick=0 before fds
	own netns churn
	agent_up 1
	before=$(pinned_links)
	fds=$(files_of "$AGENT")
	for ((i = 0; i < 200; i++)); do
		index=$((1000 + i))
		make_link "churn$i" "$index" churn "$( ((i % 2)) && echo bridged || echo routed)" 10.247.0.1
		sleep 0.05
		if has_links "$index"; then
			quick=$((quick + 1))
		else
			wait_for 1 has_links "$index" || fail "interface $i has no programs after a second"
		fi
		on_node link del "churn$i"
	done
	say "$quick of 200 had their programs within 50 ms"
	[ "$quick" -ge 190 ] || fail "only $quick of 200 had their programs within 50 ms"
	wait_for 5 has_pins "$before" || fail "pins before: $before; after: $(pinned_links)"
	wait_for 5 has_rows interfaces 6 || fail "rows: $(rows_of interfaces)"
	is "$(rows_of sources)" 0 "addresses"
	is "$(files_of "$AGENT")" "$fds" "open files of the agent"
}

# What makes an interface a pod's may come and go while it stays.
interface_changes() {
	local link mac
	own bridged p1
	own netns elsewhere
	link=$(pod_link p1)
	agent_up 1
	await_watched "$link"
	on_node link set "$link" nomaster
	await_not_watched "$link"
	on_node route add 10.247.0.1/32 dev "$link"
	await_of_interface "$link" addresses '["10.247.0.1"]'
	is "$(of_interface "$link" gateway)" "$(mac_of "$link")"
	on_node route replace 10.247.0.1/32 dev br0
	await_not_watched "$link"
	on_node link set "$link" master br0
	await_of_interface "$link" gateway "$(mac_of br0)"
	mac=$(mac_of br0)
	on_node link set br0 address 02:00:00:00:00:17
	await_of_interface "$link" gateway 02:00:00:00:00:17
	# What the other pods know of their gateway must be right again.
	on_node link set br0 address "$mac"
	await_of_interface "$link" gateway "$mac"
	on_node link set "$link" down
	on_node link set "$link" name renamed
	on_node link set renamed up
	await_watched renamed
	is_not_watched "$link" || fail "it goes by its old name"
	on_node link set renamed name "$link"
	# Both ends are on the node at first.
	on_node link add here type veth peer name there
	OWN+=("link here")
	on_node link set here master br0 up
	sleep 0.2
	is_not_watched here || fail "an interface without a pod is taken for one"
	on_node link set there netns "$LAB_NS-elsewhere"
	await_watched here
	await_of_interface here netns "$(netns_id elsewhere)"
}

# An address that a pod may send from is one that the node has a route for.
interface_addresses() {
	local link
	own routed p1
	link=$(pod_link p1)
	agent_up 1 --allow-spoofing 'nothing,x*'
	is "$(of_interface "$link" guarded)" '["IPv4","IPv6"]'
	on_node route add 10.247.0.9/32 dev "$link"
	await_of_interface "$link" addresses "[\"$(pod_ip4 p1)\",\"10.247.0.9\",\"$(pod_ip6 p1)\"]"
	is "$(rows_of sources)" 3
	# Behind it are others, and nobody knows which.
	on_node route add 10.248.0.0/24 dev "$link"
	await_of_interface "$link" guarded '["IPv6"]'
	is "$(of_interface "$link" addresses)" "[\"$(pod_ip6 p1)\"]"
	on_node route del 10.248.0.0/24
	await_of_interface "$link" guarded '["IPv4","IPv6"]'
	# The node's own address on it is none of the pod's.
	on_node address add fd00:249::1/128 dev "$link" nodad
	on_node -6 route del "$(pod_ip6 p1)"
	await_of_interface "$link" guarded '["IPv4"]'
	# The kernel says nothing of routes that go with an address, or with an interface that is taken down.
	on_node address add 10.249.0.1/32 dev "$link"
	on_node address add 10.249.0.2/32 dev "$link"
	on_node route add 10.247.0.10/32 dev "$link" src 10.249.0.1
	await_of_interface "$link" addresses "[\"$(pod_ip4 p1)\",\"10.247.0.9\",\"10.247.0.10\"]"
	on_node address del 10.249.0.1/32 dev "$link"
	await_of_interface "$link" addresses "[\"$(pod_ip4 p1)\",\"10.247.0.9\"]"
	on_node link set "$link" down
	await_not_watched "$link"
	is "$(rows_of sources)" 0
	agent_kill "$AGENT"
	on_node link set "$link" up
	on_node route add "$(pod_ip4 p1)/32" dev "$link"
	agent_up 1 --allow-spoofing "x,${link%?}?"
	matches "$(of_interface "$link" guarded) $(of_interface "$link" attached)" '^\[\] (tcx|clsact)$'
}

# What the programs make of it: a datagram from an address that is not the pod's never leaves it.
interface_spoofing() {
	local kind address link
	own routed p1
	link=$(pod_link p1)
	ip -n "$LAB_NS-p1" address add 10.247.0.9/32 dev eth0
	ip -n "$LAB_NS-p1" address add fd00:247::9/128 dev eth0 nodad preferred_lft 0
	agent_up 1
	mark 1
	for kind in 4 6; do
		address=$(pod_ip "udp$kind" a1)
		is "$(does p1 "tcp$kind" "connect=$address/8080" ask)" "connect ok; ask a1"
	done
	counts 1 spoofed 0
	does p1 udp4 bind=10.247.0.9/0 "send=$(pod_ip4 a1)/8080" >/dev/null
	does p1 udp6 bind=fd00:247::9/0 "send=$(pod_ip6 a1)/8080" >/dev/null
	counts 1 spoofed 2
	# A route for it makes it the pod's.
	on_node route add 10.247.0.9/32 dev "$link"
	await_of_interface "$link" addresses "[\"$(pod_ip4 p1)\",\"10.247.0.9\",\"$(pod_ip6 p1)\"]"
	is "$(does p1 udp4 bind=10.247.0.9/0 "connect=$(pod_ip4 a1)/8080" ask)" "bind ok; connect ok; ask a1"
	agent_kill "$AGENT"
	agent_up 1 --allow-spoofing "$link"
	does p1 udp6 bind=fd00:247::9/0 "send=$(pod_ip6 a1)/8080" >/dev/null
	counts 1 spoofed 2
}

# Messages that the agent was too slow for: it reads everything anew.
interface_lost_messages() {
	local i
	own netns late
	agent_up 1 --verbose
	make_link flood1 1001 late bridged
	OWN+=("link flood1" "link flood2")
	await_watched flood1
	kill -STOP "$AGENT"
	for ((i = 0; i < 25000; i++)); do
		echo "route add 10.247.1.0/24 dev br0"
		echo "route del 10.247.1.0/24"
	done | on_node -batch -
	on_node link del flood1
	make_link flood2 1002 late bridged
	kill -CONT "$AGENT"
	await_watched flood2
	await_not_watched flood1
	file_has "$(agent_log 1)" "^debug: word of interfaces was lost" || fail "the flood was too small to mean anything"
}

# An index is used again: while the agent looks on, while it is held up, and while there is none.
interface_index_reused() {
	local before
	own netns pods
	agent_up 1
	make_link first 1001 pods routed 10.247.0.1
	OWN+=("link first" "link second" "link third")
	await_of_interface first addresses '["10.247.0.1"]'
	before=$(pinned_links)
	kill -STOP "$AGENT"
	on_node link del first
	make_link second 1001 pods routed 10.247.0.2
	kill -CONT "$AGENT"
	await_of_interface second addresses '["10.247.0.2"]'
	wait_for 5 links_differ "$before" 1001 || fail "the link of the first is taken for that of the second"
	is "$(rows_of sources)" 1
	before=$(pinned_links)
	agent_kill "$AGENT"
	on_node link del second
	make_link third 1001 pods bridged
	agent_up 1
	is "$(of_interface third attached)" tcx
	links_differ "$before" 1001 || fail "the link of the second is taken for that of the third"
	is "$(rows_of sources)" 0
	is "$(rows_of interfaces)" 7
	# Gone while there was no agent.
	agent_kill "$AGENT"
	on_node link del third
	agent_up 1
	is "$(rows_of interfaces)" 6
	! has_links 1001 || fail "pins of an interface that is gone"
}

links_differ() {
	local hook
	for hook in weft_from_pod weft_to_pod; do
		[ "$(pinned_links | grep "^$hook-$2 ")" != "$(grep "^$hook-$2 " <<<"$1")" ] || return 1
	done
}

# ---- which ----

interface_globs() {
	local links
	read -ra links <<<"$(lab_links | in_line)"
	agent_up 1 --interfaces "${links[0]},w?re,br*,lo" --uplink nothing
	is "$(names_of)" "$(in_line br0 wire <<<"${links[0]}")" "what is named, but not lo"
	file_has "$(agent_log 1)" "^warning: there is no interface nothing, which --uplink names" ||
		fail "an uplink that is none goes unnoticed"
	is "$(of_interface wire guarded)" "[]"
	agent_kill "$AGENT"
	agent_up 1 --interfaces "*" --uplink wire
	is "$(names_of)" "$(lab_links | in_line br0)"
	agent_kill "$AGENT"
	agent_up 1 --interfaces ""
	is "$(names_of)" ""
}

# What leads out is no pod's, even where it looks like one.
interface_uplink() {
	local link
	own routed p1
	link=$(pod_link p1)
	agent_up 1
	await_watched "$link"
	on_node route add default dev "$link"
	await_not_watched "$link"
	on_node route del default dev "$link"
	await_watched "$link"
	is "$(of_interface "$link" guarded)" '["IPv4","IPv6"]'
	agent_kill "$AGENT"
	agent_up 1 --uplink "$link"
	is "$(names_of)" "$(lab_links | in_line)"
}

test_add interface/shown interface_shown
test_add interface/sees-packets interface_sees_packets
test_add interface/churn interface_churn
test_add interface/changes interface_changes
test_add interface/addresses interface_addresses
test_add interface/spoofing interface_spoofing
test_add interface/lost-messages interface_lost_messages
test_add interface/index-reused interface_index_reused
test_add interface/globs interface_globs
test_add interface/uplink interface_uplink
