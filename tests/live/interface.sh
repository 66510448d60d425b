#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Interfaces of node 1 that a test makes, and what weft has at them.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

# shellcheck disable=SC2034 # for the tests
HOOK=$ROOT/build/live/hook

on_node() { ip -n "$LAB_NS-node1" "$@"; }
tc_node() { tc -n "$LAB_NS-node1" "$@"; }

# What begins with a test ends with it: own KIND NAME is a bridged or routed pod of node 1, own link|netns NAME.
OWN=()
own() {
	OWN+=("$1 $2")
	trap disown_all EXIT
	case $1 in
	bridged) pod_add 1 "$2" ;;
	routed) pod_add_routed 1 "$2" ;;
	netns) ns_add "$2" ;;
	esac
}

disown_all() {
	local item words
	for item in "${OWN[@]}"; do
		read -ra words <<<"$item"
		case ${words[0]} in
		link) on_node link del "${words[1]}" ;;
		netns) ip netns del "$LAB_NS-${words[1]}" ;;
		*) pod_del "${words[1]}" ;;
		esac
	done 2>/dev/null || true
	on_node route flush root 10.247.0.0/16
}

interfaces() { weft 1 get interfaces -o json; }
names_of() { interfaces | jq -r 'map(.name) | sort | join(" ")'; }
# of_interface NAME FIELD
of_interface() { interfaces | jq -rc --arg name "$1" --arg field "$2" '.[] | select(.name == $name) | .[$field]'; }
is_of() { [ "$(of_interface "$1" "$2")" = "$3" ]; }
await_of_interface() { wait_for 5 is_of "$@" || fail "$2 of $1 is $(of_interface "$1" "$2"), wanted $3"; }
mac_of() { on_node -j link show dev "$1" | jq -r '.[0].address'; }
index_of() { on_node -j link show dev "$1" | jq '.[0].ifindex'; }

# The kernel's id, on the node, for the namespace of that name.
netns_id() { on_node netns list-id | awk -v name="$LAB_NS-$1)" '$NF == name { print $2 }'; }

is_watched() { [ -n "$(of_interface "$1" attached)" ]; }
is_not_watched() { ! is_watched "$1"; }
await_watched() { wait_for 5 is_watched "$1" || fail "$1 is not among $(names_of)"; }
await_not_watched() { wait_for 5 is_not_watched "$1" || fail "$1 is still among $(names_of)"; }

# The pods that the lab has on node 1.
lab_links() {
	local pod
	for pod in c1 c2 a1 a2 twin1 twin2; do pod_link "$pod"; done
}

# in_line MORE...: lines of standard input and arguments, sorted
in_line() { { cat; printf '%s\n' "$@"; } | grep . | LC_ALL=C sort | paste -sd ' '; }

# Pins of tcx links with the interface each is at, as the kernel has it.
pinned_links() {
	local pin
	for pin in "$LAB_BPF"/node1/links/*-*; do
		[ -e "$pin" ] || continue
		echo "${pin##*/} $(bpftool -j link show pinned "$pin" | jq -r '"\(.id) \(.prog_id)"')"
	done
}

rows_of() { bpftool -j map dump pinned "$LAB_BPF/node1/$1" | jq length; }
agent_did() { grep -E '^(at|de)tached' "$(agent_log 1)" || true; }

# make_link NAME INDEX NAMESPACE KIND [ADDRESS]: a veth to a namespace that is there, up at once.
make_link() {
	local name=$1 index=$2 ns=$3 kind=$4 address=${5-}
	{
		echo "link add $name index $index type veth peer name $name netns $LAB_NS-$ns"
		[ "$kind" != bridged ] || echo "link set $name master br0"
		echo "link set $name up"
		[ "$kind" != routed ] || echo "route add $address/32 dev $name"
	} | on_node -batch -
	ip -n "$LAB_NS-$ns" link set "$name" up
}

has_links() { [ -e "$LAB_BPF/node1/links/weft_from_pod-$1" ] && [ -e "$LAB_BPF/node1/links/weft_to_pod-$1" ]; }
has_pins() { [ "$(pinned_links)" = "$1" ]; }
has_rows() { [ "$(rows_of "$1")" = "$2" ]; }
files_of() { find "/proc/$1/fd" -mindepth 1 | wc -l; }

# All filters of weft on the node, and all qdiscs that could hold one.
filters() {
	local link
	for link in $(on_node -j link show | jq -r '.[].ifname'); do
		tc_node filter show dev "$link" ingress
		tc_node filter show dev "$link" egress
	done | grep -o 'weft_[a-z_]*:\[[0-9]*\]' || true
}
qdiscs() { tc_node qdisc show | grep clsact || true; }

# Somebody else's programs for both directions, pinned in $LAB_BPF/neighbour.
build_tc_neighbour() {
	clang -O2 -g -Wall -Werror -target bpf -idirafter "/usr/include/$(gcc -print-multiarch)" \
		-c "$LIVE/bpf/neighbour_tc.bpf.c" -o "$LAB/tmp/neighbour.o"
	mkdir -p "$LAB_BPF/neighbour"
	trap 'disown_all; rm -rf "$LAB_BPF/neighbour"' EXIT
	bpftool prog loadall "$LAB/tmp/neighbour.o" "$LAB_BPF/neighbour" pinmaps "$LAB_BPF/neighbour"
}
