#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A lab: nodes and pods as network namespaces and cgroups of their own. Sourced by the live tests, the demo and
# the benchmarks. Nothing here touches the root cgroup or the network namespace that it is called in.
#
#   node N   namespace, bridge 10.244.N.1/24 and fd00:244:N::1/64, cgroup $LAB_CGROUP/nodeN
#   pod      namespace with a veth to its node, cgroup below the node's; the veth is
#     bridged  a port of the node's bridge: 10.244.N.x and fd00:244:N::x
#     routed   a port of nothing; the node has a host route to each of 10.246.N.x and fd00:246:N::x

LIVE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$LIVE/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
export LIVE ROOT PATH

say() { echo "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

# Where cgroup2 is mounted differs between machines.
cgroup2_mount() { awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo; }

# lab_name PREFIX DIRECTORY: what the functions below work on.
lab_name() {
	local mount
	mount=$(cgroup2_mount)
	[ -n "$mount" ] || die "no cgroup2 is mounted"
	export LAB_NS=$1 LAB=$2 LAB_CGROUP=$mount/$1
	export LAB_BPF=$LAB/bpf LAB_SOURCE=$LAB/source
}

lab_make() {
	lab_name "$@"
	mkdir -p "$LAB" "$LAB_BPF" "$LAB_SOURCE" "$LAB/pods" "$LAB/tmp" "$LAB/log" "$LAB_CGROUP/agents"
	mount -t bpf weft-lab "$LAB_BPF"
}

# All processes of the lab, and then everything else; may be called at any moment, and twice.
lab_destroy() {
	local i dir ns
	# No word of bash about what is killed here.
	disown -a 2>/dev/null || true
	[ -e "$LAB_CGROUP/cgroup.kill" ] && echo 1 >"$LAB_CGROUP/cgroup.kill"
	for ((i = 0; i < 100; i++)); do
		grep -qs 'populated 1' "$LAB_CGROUP/cgroup.events" || break
		sleep 0.05
	done
	for ns in /run/netns/"$LAB_NS"-*; do
		[ -e "$ns" ] || continue
		umount "$ns" 2>/dev/null || true
		rm -f "$ns"
	done
	mountpoint -q "$LAB_BPF" && umount "$LAB_BPF"
	if [ -d "$LAB_CGROUP" ]; then
		find "$LAB_CGROUP" -depth -type d | while read -r dir; do rmdir "$dir"; done
	fi
	rm -rf "$LAB"
}

ns_path() { echo "/run/netns/$LAB_NS-$1"; }
ns_run() { local ns=$1; shift; nsenter --net="/run/netns/$LAB_NS-$ns" -- "$@"; }

# A namespace in which addresses are usable at once and packets are forwarded.
ns_add() {
	ip netns add "$LAB_NS-$1"
	# shellcheck disable=SC2016 # expanded there, not here
	ns_run "$1" sh -c '
		cd /proc/sys/net
		echo 1 >ipv4/ip_forward
		echo 1 >ipv6/conf/all/forwarding
		for family in default all; do
			echo 0 >ipv6/conf/$family/accept_dad
			echo 0 >ipv6/conf/$family/accept_ra
			echo 0 >ipv4/conf/$family/rp_filter
			echo 0 >ipv4/conf/$family/send_redirects
		done
		echo 1024 65535 >ipv4/ip_local_port_range
		ip link set lo up'
}

# The bridge has an address of its own, as a CNI gives it one: else it changes as pods come and go, and what the others
# know of it is wrong for a while.
node_add() {
	local n=$1
	ns_add "node$n"
	mkdir -p "$LAB_CGROUP/node$n"
	ip -n "$LAB_NS-node$n" -batch - <<-END
		link add br0 address 02:00:00:00:00:0$n type bridge mcast_snooping 0
		address add 10.244.$n.1/24 dev br0
		address add fd00:244:$n::1/64 dev br0 nodad
		link set br0 up
	END
}

# node_join A B: a cable between two nodes, and routes to each other's pods.
node_join() {
	local a=$1 b=$2
	ip -n "$LAB_NS-node$a" link add wire type veth peer name wire netns "$LAB_NS-node$b"
	node_wire "$a" "$b"
	node_wire "$b" "$a"
}

node_wire() {
	local own=$1 other=$2
	ip -n "$LAB_NS-node$own" -batch - <<-END
		address add 172.30.0.$own/24 dev wire
		address add fd00:172::$own/64 dev wire nodad
		link set wire up
		route add 10.244.$other.0/24 via 172.30.0.$other
		route add fd00:244:$other::/64 via fd00:172::$other
		route add 10.246.$other.0/24 via 172.30.0.$other
		route add fd00:246:$other::/64 via fd00:172::$other
	END
}

# pod_make NODE NAME SUBNET: all of a pod but addresses and routes; its number on the node is in HOST.
pod_make() {
	local n=$1 name=$2
	ns_add "$name"
	mkdir -p "$LAB_CGROUP/node$n/$name/server" "$LAB/pods/$name"
	HOST=$(($(cat "$LAB/last-host" 2>/dev/null || echo 9) + 1))
	echo "$HOST" >"$LAB/last-host"
	echo "$n" >"$LAB/pods/$name/node"
	echo "$HOST" >"$LAB/pods/$name/host"
	echo "$3" >"$LAB/pods/$name/subnet"
	ip -n "$LAB_NS-node$n" link add "to-$HOST" type veth peer name eth0 netns "$LAB_NS-$name"
}

# pod_add NODE NAME: a bridged pod
pod_add() {
	local n=$1 name=$2 HOST
	pod_make "$n" "$name" 244
	ip -n "$LAB_NS-node$n" link set "to-$HOST" master br0 up
	ip -n "$LAB_NS-$name" -batch - <<-END
		address add 10.244.$n.$HOST/24 dev eth0
		address add fd00:244:$n::$HOST/64 dev eth0 nodad
		link set eth0 up
		route add default via 10.244.$n.1
		route add default via fd00:244:$n::1
	END
}

# pod_add_routed NODE NAME: its gateway is a link-local address that every node has.
pod_add_routed() {
	local n=$1 name=$2 HOST
	pod_make "$n" "$name" 246
	# Any interface answers ARP for an address of the node, so one on lo serves all pods.
	ip -n "$LAB_NS-node$n" -batch - <<-END
		address replace 169.254.1.1/32 dev lo scope link
		link set to-$HOST up
		address add fe80::1/64 dev to-$HOST nodad
		route add 10.246.$n.$HOST/32 dev to-$HOST scope link
		route add fd00:246:$n::$HOST/128 dev to-$HOST
	END
	ip -n "$LAB_NS-$name" -batch - <<-END
		address add 10.246.$n.$HOST/32 dev eth0
		address add fd00:246:$n::$HOST/128 dev eth0 nodad
		link set eth0 up
		route add 169.254.1.1 dev eth0 scope link
		route add default via 169.254.1.1 dev eth0
		route add default via fe80::1 dev eth0
	END
}

# pod_del NAME: one in which nothing runs any more
pod_del() {
	local name=$1
	ip -n "$LAB_NS-node$(pod_node "$name")" link del "$(pod_link "$name")" 2>/dev/null || true
	ip netns del "$LAB_NS-$name"
	find "$(pod_cgroup "$name")" -depth -type d -exec rmdir {} \;
	rm -r "$LAB/pods/$name"
}

pod_node() { cat "$LAB/pods/$1/node"; }
pod_link() { echo "to-$(<"$LAB/pods/$1/host")"; }
pod_ip4() { echo "10.$(<"$LAB/pods/$1/subnet").$(<"$LAB/pods/$1/node").$(<"$LAB/pods/$1/host")"; }
pod_ip6() { echo "fd00:$(<"$LAB/pods/$1/subnet"):$(<"$LAB/pods/$1/node")::$(<"$LAB/pods/$1/host")"; }
pod_cgroup() { echo "$LAB_CGROUP/node$(<"$LAB/pods/$1/node")/$1"; }

# in_cgroup CGROUP NAMESPACE COMMAND...: replaces this shell; call it in a subshell or with &.
in_cgroup() {
	local cgroup=$1 ns=$2
	shift 2
	echo "$BASHPID" >"$cgroup/cgroup.procs"
	exec nsenter --net="/run/netns/$LAB_NS-$ns" -- "$@"
}

# A command in a pod, waited for.
pod_run() { local pod=$1; shift; (in_cgroup "$(pod_cgroup "$pod")" "$pod" "$@"); }

# The same in the background: pod_start POD OUTPUT COMMAND...; its process id is in STARTED.
pod_start() {
	local pod=$1 out=$2
	shift 2
	in_cgroup "$(pod_cgroup "$pod")" "$pod" "$@" >"$out" 2>"$out.err" </dev/null &
	# shellcheck disable=SC2034 # for the caller
	STARTED=$!
}

# A server that outlives a test.
pod_serve() {
	local pod=$1
	shift
	in_cgroup "$(pod_cgroup "$pod")/server" "$pod" "$@" >"$LAB/log/$pod" 2>&1 </dev/null &
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.02
	done
}

file_has() { grep -qs -e "$2" "$1"; }

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# end PID: asks a process that pod_start started to finish, and waits for it.
end() {
	kill -TERM "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}
