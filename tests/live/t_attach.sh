#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What is attached to interfaces through restarts, loads and unloads, and beside what others attach there.

# shellcheck source=interface.sh
. "$LIVE/interface.sh"

# ---- after restarts ----

# An agent that begins finds all as it should be, and does nothing; what is not wanted any more goes.
interface_restart() {
	local mode=$1 before without=()
	[ "$mode" = tcx ] || without=(--without tcx)
	own routed p1
	agent_up 1 "${without[@]}"
	is "$(interfaces | jq -c 'map(.attached) | unique')" "[\"$mode\"]"
	before="$(pinned_links) $(filters)"
	agent_kill "$AGENT"
	agent_up 1 "${without[@]}"
	is "$(agent_did)" "" "what the agent says it did"
	is "$(pinned_links) $(filters)" "$before" "links and filters"
	agent_kill "$AGENT"
	agent_up 1 "${without[@]}" --interfaces "$(pod_link p1)"
	is "$(names_of)" "$(pod_link p1)"
	is "$(agent_did | grep -c ^detached)" 6 "interfaces that were left"
	is "$(filters | wc -l)" "$([ "$mode" = tcx ] && echo 0 || echo 2)" "filters"
	agent_kill "$AGENT"
	agent_up 1 --without tc
	is "$(interfaces)" "[]"
	is "$(filters)$(qdiscs)$(pinned_links)" ""
	is "$(rows_of sources)" 0
	file_has "$(agent_log 1)" '^warning: tc is off: turned off by --without; nothing is attached' ||
		fail "the agent does not say what is off"
}

# From one way to the other and back, with the same interfaces.
interface_other_way() {
	agent_up 1
	agent_kill "$AGENT"
	agent_up 1 --without tcx
	file_has "$(agent_log 1)" '^warning: tcx is off.*; programs are attached to interfaces by filters of clsact' ||
		fail "the agent does not say what is off"
	is "$(interfaces | jq -c 'map(.attached) | unique')" '["clsact"]'
	is "$(pinned_links)" "" "links"
	is "$(filters | wc -l)" 12 "filters"
	agent_kill "$AGENT"
	agent_up 1
	is "$(interfaces | jq -c 'map(.attached) | unique')" '["tcx"]'
	is "$(filters)$(qdiscs)" "" "filters"
}

# A load attaches to what there is, a second one switches the programs, and an unload leaves nothing, wherever it is run.
interface_load() {
	local mode=$1 without=() before after
	[ "$mode" = tcx ] || without=(--without tcx)
	own routed p1
	matches "$(weft 1 load --cgroup "$LAB_CGROUP/node1" "${without[@]}")" "attached to $(pod_link p1) \("
	before="$(pinned_links)$(filters)"
	is "$(interfaces | jq -c 'map(.attached) | [length, unique]')" "[7,[\"$mode\"]]"
	weft 1 load --cgroup "$LAB_CGROUP/node1" "${without[@]}" --allow-spoofing '*' >/dev/null
	after="$(pinned_links)$(filters)"
	[ "$before" != "$after" ] || fail "the programs are the old ones"
	if [ "$mode" = tcx ]; then
		# name, id of the link, id of the program: the links stay.
		is "$(cut -d ' ' -f 1,2 <<<"$after")" "$(cut -d ' ' -f 1,2 <<<"$before")" "links"
		is "$(cut -d ' ' -f 3 <<<"$after" | sort -u | wc -l)" 2 "programs"
	else
		is "$(wc -l <<<"$after")" 14 "filters"
	fi
	is "$(rows_of sources)" 0 "addresses, which are not asked for any more"
	# In another namespace the same numbers are others' interfaces.
	refuses 1 ns_run node2 "$WEFT" load --bpffs "$LAB_BPF/node1" --cgroup "$LAB_CGROUP/node1"
	matches "$SAID" "attached to interfaces of another network namespace.*weft unload"
	is "$(pinned_links)$(filters)" "$after" "links and filters"
	is "$(ns_run node2 "$WEFT" unload --bpffs "$LAB_BPF/node1")" unloaded
	wait_for 5 lacks_filters || fail "left: $(filters) $(qdiscs)"
	is "$(tc -n "$LAB_NS-node2" qdisc show | grep clsact || true)" "" "qdiscs of the other node"
}

# A load that does without something takes away what an earlier one had of it.
interface_load_less() {
	weft_load 1 >/dev/null
	matches "$(weft 1 load --cgroup "$LAB_CGROUP/node1" --without tc,health)" "detached from $(pod_link c1) \("
	is "$(interfaces)$(pinned_links)" "[]"
	is "$(find "$LAB_BPF/node1/programs" -name 'weft_*_pod' -o -name weft_sockops)" "" "programs"
	wait_for 5 lacks_sockops || fail "the program of health is still attached"
	weft_load 1 >/dev/null
	is "$(names_of)" "$(lab_links | in_line "")"
}

lacks_sockops() { ! bpftool -j cgroup show "$LAB_CGROUP/node1" | grep -q weft_sockops; }

lacks_filters() { [ -z "$(filters)$(qdiscs)" ]; }

# The namespace is gone, and what was in it: a new one is begun in, and an unload does not mind.
interface_netns_gone() {
	local mode=$1 without=()
	[ "$mode" = tcx ] || without=(--without tcx)
	own netns brief
	own netns inner
	ip -n "$LAB_NS-brief" link add to-inner type veth peer name eth0 netns "$LAB_NS-inner"
	ip -n "$LAB_NS-brief" link set to-inner up
	ip -n "$LAB_NS-brief" route add 10.247.0.1/32 dev to-inner
	ns_run brief "$WEFT" load --bpffs "$LAB_BPF/node1" --cgroup "$LAB_CGROUP/node1" "${without[@]}" >/dev/null
	is "$(names_of)" to-inner
	ip netns del "$LAB_NS-brief"
	wait_for 5 inner_is_alone || fail "the namespace is still there"
	weft 1 load --cgroup "$LAB_CGROUP/node1" "${without[@]}" >/dev/null
	is "$(names_of)" "$(lab_links | in_line "")"
	is "$(weft_unload 1)" unloaded
	is "$(filters)$(qdiscs)" ""
}

inner_is_alone() { ! ip -n "$LAB_NS-inner" link show eth0 2>/dev/null; }

# ---- beside others ----

# Somebody else's programs at the same interface, by either way, there before weft and after it: all see packets.
interface_neighbour() {
	local mine=$1 theirs=$2 order=$3 without=() link before
	[ "$mine" = tcx ] || without=(--without tcx)
	own routed p1
	link=$(pod_link p1)
	build_tc_neighbour
	[ "$order" = after ] || "neighbour_$theirs" "$link"
	agent_up 1 "${without[@]}"
	[ "$order" = before ] || "neighbour_$theirs" "$link"
	both_see_packets
	# Weft comes back beside the neighbour, and goes without touching it.
	agent_kill "$AGENT"
	agent_up 1 "${without[@]}"
	is "$(agent_did)" ""
	both_see_packets
	agent_kill "$AGENT"
	weft_unload 1 >/dev/null
	before=$(seen_by_neighbour)
	is "$(does p1 tcp4 "connect=$(pod_ip4 a1)/8080" ask)" "connect ok; ask a1"
	[ "$(seen_by_neighbour)" -ge $((before + 6)) ] || fail "the neighbour is gone with weft"
	[ "$theirs" = tcx ] || matches "$(qdiscs)" "clsact" "the qdisc, which is the neighbour's"
	wait_for 5 lacks_weft_filters || fail "left: $(filters)"
}

lacks_weft_filters() { [ -z "$(filters)" ]; }

neighbour_tcx() {
	ns_run node1 "$HOOK" tcx "$LAB_BPF/neighbour/neigh_in" "$1" ingress "$LAB_BPF/neighbour/link_in"
	ns_run node1 "$HOOK" tcx "$LAB_BPF/neighbour/neigh_out" "$1" egress "$LAB_BPF/neighbour/link_out"
}

neighbour_clsact() {
	tc_node qdisc add dev "$1" clsact 2>/dev/null || true
	tc_node filter add dev "$1" ingress bpf direct-action object-pinned "$LAB_BPF/neighbour/neigh_in"
	tc_node filter add dev "$1" egress bpf direct-action object-pinned "$LAB_BPF/neighbour/neigh_out"
}

seen_by_neighbour() { bpftool -j map dump pinned "$LAB_BPF/neighbour/neigh_seen" | jq '[.[].formatted.value] | add'; }

both_see_packets() {
	# shellcheck disable=SC2016 # expanded there
	"$HOOK" runs bash -euo pipefail -c '
		. "$LIVE/assert.sh"
		runs() { bpftool -j prog show pinned "$LAB_BPF/$1" | jq ".run_cnt // 0"; }
		declare -A before
		programs="node1/programs/weft_from_pod node1/programs/weft_to_pod neighbour/neigh_in neighbour/neigh_out"
		for program in $programs; do before[$program]=$(runs "$program"); done
		is "$(does p1 tcp4 "connect=$(pod_ip4 b1)/8080" ask)" "connect ok; ask b1"
		for program in $programs; do
			[ "$(runs "$program")" -ge $((before[$program] + 3)) ] || fail "$program sees no packets"
		done' || fail "not all see the packets"
}

# A filter of somebody else in the very place that weft uses is left there, and the agent says so.
interface_place_taken() {
	local link before
	own routed p1
	link=$(pod_link p1)
	build_tc_neighbour
	tc_node qdisc add dev "$link" clsact
	tc_node filter add dev "$link" ingress pref 30565 handle 0x77656674 bpf direct-action \
		object-pinned "$LAB_BPF/neighbour/neigh_in"
	before=$(tc_node filter show dev "$link" ingress)
	agent_up 1 --without tcx
	file_has "$(agent_log 1)" "^warning: cannot attach to interface $link .*: program [0-9]* of somebody else is in weft's place" ||
		fail "the agent does not say so: $(<"$(agent_log 1)")"
	is "$(tc_node filter show dev "$link" ingress)" "$before"
	is "$(interfaces | jq -c 'map(.attached) | unique')" '[null,"clsact"]' "the others are attached to"
	tc_node filter del dev "$link" ingress pref 30565
	await_of_interface "$link" attached clsact
	agent_kill "$AGENT"
	weft_unload 1 >/dev/null
	matches "$(qdiscs)" "dev $link" "the qdisc, which is not weft's"
}

test_add interface/other-way interface_other_way
test_add interface/place-taken interface_place_taken
test_add interface/load-less interface_load_less
for mode in tcx clsact; do
	test_add "interface/restart-$mode" interface_restart "$mode"
	test_add "interface/load-$mode" interface_load "$mode"
	test_add "interface/namespace-gone-$mode" interface_netns_gone "$mode"
	for theirs in tcx clsact; do
		for order in before after; do
			test_add "interface/neighbour-$theirs-$order-$mode" interface_neighbour "$mode" "$theirs" "$order"
		done
	done
done
