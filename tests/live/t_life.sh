#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Loading, restarting, dying, unloading; neighbours on the same hooks; what bpftool shows.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

# Traffic does not notice that the agent ends, by whatever signal, or begins again, ten times.
life_restart() {
	local signal=$1 i report
	expose web 60 "" a1 b1
	expose dns 61 "affinity=60" a1 b1
	agent_up 1
	load_start c1 tcp -a a1,b1 tcp4 "$(vip4 60)/80"
	load_start c2 udp -a a1,b1 udp6 "$(vip6 60)/80"
	load_start c2 kept -a a1,b1 tcp6 "$(vip6 61)/80"
	for ((i = 0; i < 10; i++)); do
		kill "-$signal" "$AGENT"
		wait "$AGENT" 2>/dev/null || true
		sleep 0.05
		agent_up 1
		file_has "$(agent_log 1)" '^adopted' || fail "the agent did not adopt what was loaded"
	done
	for i in tcp udp kept; do
		report=$(load_end "$i")
		clean "$report" 1000
	done
	is "$(field "$report" '.by_name | length')" 1 "endpoints of a client with affinity"
}

# Killed in the middle of changes, wherever that is: no connect fails or goes astray, the next agent makes whole
# what was begun, and nothing is left of what was half done.
life_killed_in_change() {
	local i rows
	expose web 60 "" a1 a2
	expose other 61 "" b1
	agent_up 1
	rows=$(all_rows)
	agent_kill "$AGENT"
	load_start c1 web -a a1,a2 tcp4 "$(vip4 60)/80"
	load_start c2 other -a b1,b2 tcp6 "$(vip6 61)/80"
	for ((i = 0; i < 15; i++)); do
		agent_start 1
		put_pods web "a$((1 + i % 2))"
		put_pods other b1 b2
		put_service "extra$((i % 3))" $((70 + i)) "$PORTS_BOTH"
		sleep "0.$(printf %02d $((4 + i * 7 % 17)))"
		put_pods web a1 a2
		put_pods other "b$((1 + i % 2))"
		agent_kill "$AGENT"
	done
	put_pods web a1 a2
	put_pods other b1
	for i in 0 1 2; do drop "service-extra$i.yaml"; done
	agent_up 1
	await 1 other 1
	wait_for 5 has_rows "$rows" || fail "rows before: $rows, after: $(all_rows)"
	clean "$(load_end web)" 1000
	clean "$(load_end other)" 1000
	is "$(names "$(load c1 -c 100 tcp4 "$(vip4 60)/80")")" "a1 a2"
	is "$(names "$(load c1 -c 100 tcp4 "$(vip4 61)/80")")" "b1"
}

# Without an agent everything goes on, and can be looked at.
life_no_agent() {
	local report
	expose web 60 "" a1 b1
	agent_up 1
	agent_kill "$AGENT"
	mark 1
	report=$(load c1 -c 1000 -a a1,b1 tcp4 "$(vip4 60)/80")
	clean "$report" 1000
	counts 1 connect_balanced 1000
	is "$(weft 1 get services -o json | jq -c '[.[] | select(.protocol == "TCP") |
		[.namespace, .name, .address, .port, .protocol, .algorithm, .endpoints]] | sort')" \
		"[[\"live\",\"web\",\"$(vip4 60)\",80,\"TCP\",\"random\",2],[\"live\",\"web\",\"$(vip6 60)\",80,\"TCP\",\"random\",2]]"
	is "$(weft 1 get endpoints -o json | jq -c --arg a "$(pod_ip4 b1)" '[.[] | select(.address == $a and .protocol == "UDP") |
		[.namespace, .service, .port, .node, .zone, .weight, .state]]')" \
		'[["live","web",8080,"node2","",1,"ready"]]'
	is "$(weft 1 get stats -o json | jq -r '.[0] | keys | join(" ")')" "name value"
	# What came of the splice's self-test stands behind them.
	is "$(weft 1 get stats -o json | jq 'map(select(.name | startswith("splice_selftest_") | not)) | length')" "$(grep -c '^	REASON_[A-Z0-9_]* = ' "$ROOT/include/weft/reason.h")"
}

# A second agent, a load or an unload on the pins of a running agent is refused, with its process id.
life_second_agent() {
	local first
	expose web 60 "" a1
	agent_up 1
	first=$AGENT
	refuses 1 weft 1 agent --cgroup "$LAB_CGROUP/node1" --source "file:$LAB_SOURCE" --node node1
	matches "$SAID" "another weft is at work.*$first"
	refuses 1 weft_unload 1
	matches "$SAID" "another weft is at work.*$first"
	kill -0 "$first" || fail "the first agent is gone"
	put_pods web b1
	wait_for 5 b1_answers || fail "the first agent does not work any more"
}

b1_answers() { [ "$(does c1 tcp4 "connect=$(vip4 60)/80" ask)" = "connect ok; ask b1" ]; }

# Two nodes on one machine, each with its own pins and cgroup, do not see each other.
life_two_nodes() {
	expose web 60 "" a1 b1
	agent_up 1
	agent_up 2
	mark 1
	mark 2
	clean "$(load c1 -c 100 tcp4 "$(vip4 60)/80")" 100
	counts 1 connect_balanced 100
	counts 2 connect_balanced 0
	clean "$(load b2 -c 100 tcp6 "$(vip6 60)/80")" 100
	counts 1 connect_balanced 100
	counts 2 connect_balanced 100
	agent_kill "$AGENT"
	weft_unload 2
	clean "$(load c1 -c 100 tcp4 "$(vip4 60)/80")" 100
}

# Loading anew, by the same binary, switches the programs while connects run.
life_reload() {
	local i
	expose web 60 "" a1 b1
	agent_up 1
	agent_kill "$AGENT"
	load_start c1 all -a a1,b1 tcp4 "$(vip4 60)/80"
	for i in 1 2 3; do weft_load 1; done
	is "$(weft 1 get services -o json | jq -c '[.[].endpoints] | unique')" "[2]"
	clean "$(load_end all)" 100
	: "$i"
}

# A connection that is open when weft is unloaded goes on.
life_unload_keeps_connections() {
	expose web 60 "" a1
	agent_up 1
	talk c1 tcp4 "connect=$(vip4 60)/80" ask pause ask
	heard "connect ok"
	heard "ask a1"
	heard pause
	agent_kill "$AGENT"
	weft_unload 1
	go_on
	heard "ask a1"
}

# ---- nothing is left ----

# How many there are, and of what: programs, maps, links and BTF of the whole machine are counted by id, as others
# may come and go on it.
bpf_ids() {
	bpftool -j prog show | jq -r '.[] | select((.name // "") | startswith("weft_")) | "prog \(.id)"'
	bpftool -j map show | jq -r '.[] | select((.name // "") | test("^(services|slots|endpoints|endpoint_index|members|names|meta|service_state|affinity|stats|sock_state|udp_state|drains|settings|endpoint_state|response_state|health|events|interfaces|sources|rescue_state|rescues|moves)$")) | "map \(.id)"'
	bpftool -j link show | jq -r '.[] | "link \(.id)"'
}

attached() { bpftool -j cgroup show "$LAB_CGROUP/node1" 2>/dev/null | jq -r '.[]?.name'; }

life_nothing_left() {
	local i left n_links
	expose web 60 "" a1 b1
	for ((i = 0; i < 10; i++)); do
		bpf_ids | sort >"$LAB/tmp/before"
		weft_load 1
		if ((i % 2)); then
			agent_up 1
			clean "$(load c1 -c 20 tcp4 "$(vip4 60)/80")" 20
			agent_kill "$AGENT"
		fi
		is "$(attached | sort | tr '\n' ' ')" "weft_connect4 weft_connect6 $(
			)weft_getpeername4 weft_getpeername6 weft_ingress weft_recvmsg4 weft_recvmsg6 $(
			)weft_release weft_sendmsg4 weft_sendmsg6 weft_sockops " "attached"
		own_ids >"$LAB/tmp/own"
		n_links=$(grep -c '^link' "$LAB/tmp/own")
		# Two for each pod of the node beside those on the cgroup.
		is "$n_links" $((11 + 2 * 6)) "links"
		weft_unload 1
		[ ! -e "$LAB_BPF/node1" ] || fail "pins are left: $(find "$LAB_BPF/node1")"
		is "$(attached)" "" "attached after unload"
		wait_for 5 ids_gone || { left=$(own_left); fail "left in the kernel: $left"; }
	done
	is "$(find "$LAB_BPF" -mindepth 1 | grep -v debug || true)" "" "pins"
	is "$(weft_unload 1)" "nothing is loaded"
}

# What is pinned for node 1, by id.
own_ids() {
	local pin
	for pin in "$LAB_BPF"/node1/programs/*; do bpftool -j prog show pinned "$pin" | jq -r '"prog \(.id)", (.map_ids[] | "map \(.)")'; done
	for pin in "$LAB_BPF"/node1/links/*; do bpftool -j link show pinned "$pin" | jq -r '"link \(.id)"'; done
	for pin in "$LAB_BPF"/node1/*; do
		[ -d "$pin" ] || bpftool -j map show pinned "$pin" | jq -r '"map \(.id)"'
	done
}

own_left() { bpf_ids | grep -xF -f "$LAB/tmp/own"; }
ids_gone() { [ -z "$(own_left)" ]; }

# An agent that lives through hundreds of changes holds no more descriptors and rows than at first.
life_no_leaks() {
	local i fds rows
	expose web 60 "" a1 b1
	agent_up 1
	sleep 0.5
	fds=$(find "/proc/$AGENT/fd" -mindepth 1 | wc -l)
	rows=$(all_rows)
	for ((i = 0; i < 100; i++)); do
		put_pods web a2 b2
		put_service "extra$((i % 5))" $((70 + i % 5)) "$PORTS_BOTH"
		put_pods web a1 b1
	done
	for i in 0 1 2 3 4; do drop "service-extra$i.yaml"; done
	wait_for 5 lacks_extras || fail "services are left: $(weft 1 get services)"
	wait_for 5 has_rows "$rows" || fail "rows before: $rows, after: $(all_rows)"
	is "$(find "/proc/$AGENT/fd" -mindepth 1 | wc -l)" "$fds" "open files of the agent"
}

lacks_extras() { weft 1 get services -o json | jq -e 'all(.name == "web")' >/dev/null; }
has_rows() { [ "$(all_rows)" = "$1" ]; }
all_rows() {
	local map
	for map in services slots endpoints endpoint_index members names service_state endpoint_state response_state; do
		echo "$map:$(bpftool -j map dump pinned "$LAB_BPF/node1/$map" | jq length)"
	done | tr '\n' ' '
}

# ---- refusals ----

life_other_abi() {
	local row
	expose web 60 "" a1
	agent_up 1
	agent_kill "$AGENT"
	row=$(bpftool -j map lookup pinned "$LAB_BPF/node1/meta" key 0 0 0 0 | jq -r '.value | map(ltrimstr("0x")) | join(" ")')
	# shellcheck disable=SC2086 # bytes
	bpftool map update pinned "$LAB_BPF/node1/meta" key 0 0 0 0 value hex 63 ${row#* }
	refuses 1 weft 1 get services
	matches "$SAID" "ABI 99.*weft unload"
	refuses 1 weft_load 1
	matches "$SAID" "ABI 99"
	refuses 1 weft 1 agent --cgroup "$LAB_CGROUP/node1" --source "file:$LAB_SOURCE" --node node1
	matches "$SAID" "ABI 99"
	is "$(does c1 tcp4 "connect=$(vip4 60)/80" ask)" "connect ok; ask a1" "traffic on rows of another ABI"
	is "$(weft_unload 1)" unloaded
}

life_load_refusals() {
	refuses 1 weft 1 load --cgroup "$LAB/tmp"
	matches "$SAID" "is not a directory of cgroup2"
	refuses 1 weft 1 load --cgroup "$LAB_CGROUP/none"
	matches "$SAID" "none"
	[ ! -e "$LAB_BPF/node1" ] || fail "a load that failed left pins"
	refuses 1 weft 1 get services
	matches "$SAID" "weft is not loaded"
	weft_load 1
	refuses 1 weft 1 load --cgroup "$LAB_CGROUP/node2"
	matches "$SAID" "another cgroup"
	# A directory that holds other things is left alone.
	mkdir "$LAB/tmp/other"
	touch "$LAB/tmp/other/thing"
	refuses 1 "$WEFT" load --bpffs "$LAB/tmp/other" --cgroup "$LAB_CGROUP/node2"
	[ -e "$LAB/tmp/other/thing" ] || fail "weft removed what was not its own"
	refuses 1 weft 2 agent --cgroup "$LAB_CGROUP/node2" --source "file:$LAB/none" --node node2
}

# ---- neighbours ----

HOOKS="connect4 connect6 sendmsg4 sendmsg6 recvmsg4 recvmsg6 getpeername4 getpeername6
	sock_ops ingress cgroup_inet_sock_release"

build_neighbour() {
	clang -O2 -g -Wall -Werror -target bpf -idirafter "/usr/include/$(gcc -print-multiarch)" \
		-c "$LIVE/bpf/neighbour.bpf.c" -o "$LAB/tmp/neighbour.o"
	mkdir -p "$LAB_BPF/neighbour"
	trap 'rm -rf "$LAB_BPF/neighbour"' EXIT
	bpftool prog loadall "$LAB/tmp/neighbour.o" "$LAB_BPF/neighbour" pinmaps "$LAB_BPF/neighbour"
}

neighbour_pin() {
	local name="neigh_${1/getpeername/peer}"
	name=${name/cgroup_inet_sock_/}
	[ -e "$LAB_BPF/neighbour/$name" ] || die "no pin $name among $(ls "$LAB_BPF/neighbour")"
	echo "$LAB_BPF/neighbour/$name"
}

# neighbour ATTACH|DETACH CGROUP [multi]: on all hooks
neighbour() {
	local verb=$1 cgroup=$2 hook
	shift 2
	for hook in $HOOKS; do
		bpftool cgroup "$verb" "$cgroup" "$hook" pinned "$(neighbour_pin "$hook")" "$@"
	done
}

neighbour_counts() { bpftool -j map dump pinned "$LAB_BPF/neighbour/neigh_seen" | jq -c '[.[].formatted.value]'; }

use_all_hooks() {
	local kind
	for kind in 4 6; do
		is "$(does c1 "tcp$kind" "connect=$(vip "tcp$kind" 60)" peer ask)" \
			"connect ok; peer $(seen "tcp$kind" "$(vip "tcp$kind" 60)"); ask b1"
		is "$(does c1 "udp$kind" "send=$(vip "udp$kind" 60)" recv)" \
			"send ok; recv b1 from $(seen "udp$kind" "$(vip "udp$kind" 60)")"
	done
}

# Somebody else's programs on every hook, attached before weft or after it: both run.
life_neighbour() {
	local order=$1 before after
	expose web 60 "" b1
	build_neighbour
	if [ "$order" = before ]; then
		neighbour attach "$LAB_CGROUP/node1" multi
		agent_up 1
	else
		agent_up 1
		neighbour attach "$LAB_CGROUP/node1" multi
	fi
	mark 1
	before=$(neighbour_counts)
	use_all_hooks
	after=$(neighbour_counts)
	is "$(jq -nc --argjson a "$before" --argjson b "$after" '[range(12)] | map($b[.] - $a[.] > 0) | unique')" "[true]" \
		"does every hook of the neighbour count ($before, $after)"
	counts 1 connect_balanced 2
	counts 1 getpeername_restored 2
	counts 1 sendmsg_balanced 2
	counts 1 recvmsg_restored 2
	is "$(weft 1 get endpoints -o json | jq -c 'map(select(.protocol == "TCP") | [.established, .connections]) | unique')" "[[1,0]]" \
		"what weft's own callbacks counted"
	agent_kill "$AGENT"
	weft_unload 1
	is "$(attached | grep -c neigh_)" 11 "programs of the neighbour after unload"
	neighbour detach "$LAB_CGROUP/node1"
}

# One that was attached without leave for others is named, whether on the cgroup itself or above it.
life_exclusive() {
	local where=$1 cgroup=$LAB_CGROUP/node1/strict
	build_neighbour
	mkdir -p "$cgroup/below"
	trap 'neighbour detach "$LAB_CGROUP/node1/strict" || true; rmdir "$LAB_CGROUP/node1/strict/below" "$LAB_CGROUP/node1/strict"; rm -rf "$LAB_BPF/neighbour"' EXIT
	neighbour attach "$cgroup"
	[ "$where" = itself ] || cgroup=$cgroup/below
	refuses 1 weft 1 load --cgroup "$cgroup"
	matches "$SAID" 'neigh_.*exclusively'
	[ ! -e "$LAB_BPF/node1" ] || fail "a load that failed left pins"
	is "$(bpftool -j cgroup show "$LAB_CGROUP/node1/strict" | jq -r '[.[].name | select(startswith("weft"))] | length')" 0
}

# ---- what people see ----

# bpftool's rows are readable: ports in host order, names as strings, addresses as bytes.
life_bpftool() {
	local row
	expose web 60 "lb=round_robin" a1
	agent_up 1
	row=$(bpftool -j map dump pinned "$LAB_BPF/node1/services" | jq -c '[.[].formatted | select(.key.protocol == 6 and
		.key.address.bytes[10] == 255)] | .[0]')
	is "$(jq -c '[.key.port, .key.address.bytes, .value.slot_count, .value.endpoint_count]' <<<"$row")" \
		"[80,[0,0,0,0,0,0,0,0,0,0,255,255,10,96,0,60],1,1]" "service row"
	matches "$(jq -c .value.algorithm <<<"$row")" 'ROUND_ROBIN|1' "algorithm"
	is "$(bpftool -j map dump pinned "$LAB_BPF/node1/endpoints" | jq -c '[.[].formatted.value | select(.protocol == 6) | .port] | unique')" \
		"[8080]" "ports of endpoints"
	matches "$(bpftool map dump pinned "$LAB_BPF/node1/names")" '"live/web"' "names"
	matches "$(bpftool map dump pinned "$LAB_BPF/node1/names")" '"node1"' "names"
	matches "$(bpftool map dump pinned "$LAB_BPF/node1/meta")" "\"abi\": $(awk '/define WEFT_ABI/ { print $3 + 0 }' "$ROOT/include/weft/abi.h")" "meta"
	matches "$(bpftool map dump pinned "$LAB_BPF/node1/stats")" '"connect_balanced": 0' "stats"
	for row in services slots endpoints endpoint_index members names meta service_state affinity stats; do
		bpftool map dump pinned "$LAB_BPF/node1/$row" >/dev/null || fail "map $row cannot be dumped"
		[ "$(bpftool -j map show pinned "$LAB_BPF/node1/$row" | jq .btf_id)" != null ] || fail "map $row has no BTF"
	done
}

for signal in TERM KILL; do
	test_add "agent-restart/$signal" life_restart "$signal"
done
test_add agent-killed-in-change life_killed_in_change
test_add no-agent life_no_agent
test_add second-agent life_second_agent
test_add two-nodes life_two_nodes
test_add reload life_reload
test_add unload-keeps-connections life_unload_keeps_connections
test_add load-unload-leaves-nothing life_nothing_left
test_add agent-leaks-nothing life_no_leaks
test_add other-abi life_other_abi
test_add load-refusals life_load_refusals
test_add neighbour/before life_neighbour before
test_add neighbour/after life_neighbour after
test_add exclusive-neighbour/itself life_exclusive itself
test_add exclusive-neighbour/above life_exclusive above
test_add bpftool life_bpftool
