#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# tests/live/run.sh [NAME...]: the live tier, or those tests of it whose names match (globs).
#
# Runs itself in mount and process id namespaces of its own: with the inner one end all processes and mounts of
# the tests, whatever happens. The outer one then removes cgroups and files and looks whether anything is left.
set -euo pipefail

# shellcheck source=assert.sh
. "$(dirname "${BASH_SOURCE[0]}")/assert.sh"

TEST_SECONDS=${TEST_SECONDS:-60}
# Where the tests are. A suite.sh there brings up what they need beside the lab.
export SUITE=${SUITE:-$LIVE}
TESTS=()

usage() {
	cat <<-END
		usage: sudo tests/live/run.sh [--list] [NAME...]

		Runs the live tests, or those whose names match one of the globs. Each prints a line PASS, FAIL or SKIP.

		  V=1       shows what each test prints as it runs
		  SHELL=1   opens a shell in the environment instead; 'exit' takes all down
	END
}

# ---- inside ----

POD_SERVICES=(8080 9001 9002 9003 9004 9005 9006 9007 9008)

serve_pod() {
	local pod=$1 port protocol at=()
	for port in "${POD_SERVICES[@]}"; do
		for protocol in tcp udp; do
			at+=("$protocol/$(pod_ip4 "$pod")/$port/$pod${2-}" "$protocol/$(pod_ip6 "$pod")/$port/$pod${2-}")
			[ "$port" = 8080 ] || at[-2]+="-$port"
			[ "$port" = 8080 ] || at[-1]+="-$port"
		done
	done
	pod_serve "$pod" "$LAB/bin/serve" "$pod" "${at[@]}"
}

# One pod that answers at every address of 10.245.0.0/16 and fd00:245::/64, with that address: for long lists.
serve_farm() {
	pod_add 2 farm
	ip -n "$LAB_NS-farm" route add local 10.245.0.0/16 dev lo
	ip -n "$LAB_NS-farm" route add local fd00:245::/64 dev lo
	ip -n "$LAB_NS-node2" route add 10.245.0.0/16 via "$(pod_ip4 farm)"
	ip -n "$LAB_NS-node2" route add fd00:245::/64 via "$(pod_ip6 farm)"
	ip -n "$LAB_NS-node1" route add 10.245.0.0/16 via 172.30.0.2
	ip -n "$LAB_NS-node1" route add fd00:245::/64 via fd00:172::2
	pod_serve farm "$LAB/bin/serve" @ tcp/0.0.0.0/8080 tcp/::/8080
}

# Two pods that have the same addresses in everything that they can see.
serve_twins() {
	local pod
	for pod in twin1 twin2; do
		pod_add 1 "$pod"
		ip -n "$LAB_NS-$pod" address add 10.98.0.1/32 dev lo
		ip -n "$LAB_NS-$pod" address add fd00:98::1/128 dev lo nodad
		pod_serve "$pod" "$LAB/bin/serve" "$pod" tcp/10.98.0.1/8080 tcp/fd00:98::1/8080 \
			udp/10.98.0.1/8080 udp/fd00:98::1/8080
	done
}

build_lab() {
	local pod client
	node_add 1
	node_add 2
	node_join 1 2
	for pod in c1 c2 a1 a2; do pod_add 1 "$pod"; done
	for pod in b1 b2; do pod_add 2 "$pod"; done
	for pod in a1 a2 b1 b2; do serve_pod "$pod"; done
	serve_farm
	serve_twins
	for pod in a1 a2 b1 b2 farm twin1 twin2; do
		wait_for 5 file_has "$LAB/log/$pod" serving || die "pod $pod does not serve: $(<"$LAB/log/$pod")"
	done
	# A new veth drops packets until the kernel has got round to it, up to a second later.
	for pod in a1 a2 b1 b2; do
		for client in c1 c2; do
			wait_for 10 reaches "$client" udp4 "$pod" || die "$client does not reach $pod"
			wait_for 10 reaches "$client" udp6 "$pod" || die "$client does not reach $pod by IPv6"
		done
	done
}

reaches() { [ "$(does "$1" "$2" "connect=$(pod_ip "$2" "$3")/8080" ask)" = "connect ok; ask $3" ]; }

# Everything a test may have started ends, and weft leaves the nodes.
clean_up() {
	local n
	if ! wait_for 10 end_all; then
		echo "these do not end:"
		cat "$LAB_CGROUP"/agents/cgroup.procs "$LAB_CGROUP"/node*/*/cgroup.procs | xargs -r ps -o pid,stat,wchan:32,args -p
		return 1
	fi
	for n in 1 2; do
		[ -d "$LAB_BPF/node$n" ] || continue
		note_ids "$n"
		weft_unload "$n" || return
		[ ! -e "$LAB_BPF/node$n" ] || { echo "$LAB_BPF/node$n is still there"; return 1; }
	done
	rm -rf "$LAB_SOURCE" "$LAB"/tmp/* "$LAB"/skipped
	mkdir -p "$LAB_SOURCE"
}

# Kills what a test left running: agents, and whatever is in a pod that is not its server.
end_all() {
	local cgroup pid left=0
	for cgroup in "$LAB_CGROUP"/agents "$LAB_CGROUP"/node*/*/; do
		while read -r pid; do
			kill -KILL "$pid" 2>/dev/null || true
			left=1
		done <"$cgroup/cgroup.procs"
	done
	return "$left"
}

# What the kernel must have let go of at the end.
note_ids() {
	bpftool -j prog show pinned "$LAB_BPF/node$1/programs/weft_connect4" 2>/dev/null |
		jq -r '"prog \(.id)", (.map_ids[] | "map \(.)")' >>"$LAB_IDS" || true
}

run_test() {
	local file=$1 status=0
	shift
	# shellcheck disable=SC2016 # expanded there, not here
	timeout --kill-after=5 "$TEST_SECONDS" bash -euo pipefail -c '
		. "$LIVE/assert.sh"
		[ ! -e "$SUITE/suite.sh" ] || . "$SUITE/suite.sh"
		TESTS=()
		. "$1"
		shift
		"$@"' test "$file" "$@" || status=$?
	[ "$status" != 124 ] || echo "took more than $TEST_SECONDS seconds"
	return "$status"
}

# A test's output goes to a file, and with V=1 to the eye as well.
capture() {
	if [ "${V:-0}" = 1 ]; then
		"$@" 2>&1 | tee "$LAB/log/test"
		return "${PIPESTATUS[0]}"
	fi
	"$@" >"$LAB/log/test" 2>&1
}

report() {
	local name=$1 status=$2 seconds=$3 n
	case $status in
	0) echo "PASS $name ($seconds s)" ;;
	77) echo "SKIP $name: $(<"$LAB/skipped")" ;;
	*)
		echo "FAIL $name ($seconds s)"
		sed 's/^/    /' "$LAB/log/test"
		for n in 1 2; do
			[ -s "$(agent_log "$n")" ] || continue
			echo "    the agent of node$n said at the end:"
			tail -n 15 "$(agent_log "$n")" | sed 's/^/      /'
		done
		;;
	esac
}

run_all() {
	local entry name begin took status failed=0 words
	for entry in "${TESTS[@]}"; do
		read -ra words <<<"$entry"
		name=${words[0]}
		is_chosen "$name" "$@" || continue
		rm -f "$LAB"/log/agent*
		begin=${EPOCHREALTIME/./} status=0
		capture run_test "${words[@]:1}" || status=$?
		took=$((${EPOCHREALTIME/./} - begin))
		report "$name" "$status" "$(printf '%d.%02d' $((took / 1000000)) $((took / 10000 % 100)))"
		clean_up >"$LAB/log/clean" 2>&1 || { echo "FAIL $name/clean-up"; sed 's/^/    /' "$LAB/log/clean"; failed=1; }
		[ "$status" = 0 ] || [ "$status" = 77 ] || failed=1
	done
	return "$failed"
}

is_chosen() {
	local name=$1 glob
	shift
	[ $# -gt 0 ] || return 0
	for glob in "$@"; do
		# shellcheck disable=SC2053 # it is a glob
		[[ $name == $glob ]] && return 0
	done
	return 1
}

collect() {
	local file
	for file in "$SUITE"/t_*.sh; do
		# shellcheck source=/dev/null
		. "$file"
	done
}

inside() {
	# Its end is the end of the namespace: the kernel kills whatever still runs there.
	trap 'exit 130' INT TERM
	mount -t tmpfs weft-live /run/netns
	lab_make "$LAB_NS" "$LAB"
	# Copies: a build that goes on beside the tests does not change them half-way.
	mkdir "$LAB/bin"
	cp "$WEFT" "$LAB/bin/weft"
	cp "$NET" "$LAB/bin/net"
	cp "$ROOT/build/live/serve" "$LAB/bin/serve"
	cp "$ROOT/build/live/exchange" "$LAB/bin/exchange"
	cp "$ROOT/build/live/echo" "$LAB/bin/echo"
	cp "$ROOT/build/live/battery" "$LAB/bin/battery"
	cp "$ROOT/build/live/stress" "$LAB/bin/stress"
	export WEFT=$LAB/bin/weft NET=$LAB/bin/net EXCHANGE=$LAB/bin/exchange SERVE=$LAB/bin/serve ECHO=$LAB/bin/echo BATTERY=$LAB/bin/battery
	export STRESS=$LAB/bin/stress
	build_lab
	if [ -e "$SUITE/suite.sh" ]; then
		# shellcheck source=../kubernetes/suite.sh
		. "$SUITE/suite.sh"
		suite_up
	fi
	collect
	if [ "${SHELL-}" = 1 ]; then
		open_shell
		return
	fi
	run_all "$@"
}

open_shell() {
	cat <<-END
		The lab is up. Pods: c1 c2 a1 a2 (node1), b1 b2 farm (node2), twin1 twin2.
		  agent_up 1; expose web 10 '' a1 b1; does c1 tcp4 connect=10.96.0.10/80 peer ask; weft 1 get stats
	END
	bash --rcfile "$LIVE/assert.sh" -i || true
}

# ---- outside ----

# Whatever the lab had, as far as it can be seen from out here.
leftovers() {
	local kind id
	[ ! -e "$LAB_CGROUP" ] || echo "cgroup $LAB_CGROUP"
	[ ! -e "$LAB" ] || echo "directory $LAB"
	grep -F "$LAB" /proc/self/mountinfo || true
	find /run/netns -name "$LAB_NS-*"
	while read -r kind id; do
		! bpftool "$kind" show id "$id" >/dev/null 2>&1 || echo "BPF $kind $id"
	done < <(sort -u "$LAB_IDS")
}

nothing_left() { [ -z "$(leftovers)" ]; }

outside() {
	local status=0
	[ "$(id -u)" = 0 ] || die "must be run as root"
	[ -x "$WEFT" ] || die "there is no $WEFT; build first: make all tests"
	[ -x "$NET" ] || die "there is no $NET; build first: make all tests"
	lab_name "weft-live-$$" "$(mktemp -d /tmp/weft-live-XXXXXX)"
	LAB_IDS=$(mktemp /tmp/weft-live-ids-XXXXXX)
	export LAB_IDS
	mkdir -p /run/netns "$LAB_CGROUP"
	trap 'lab_destroy; rm -f "$LAB_IDS"' EXIT
	inner=(setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --mount-proc
		--kill-child=KILL bash "$LIVE/run.sh" --inside "$@")
	if [ "${SHELL-}" = 1 ]; then
		"${inner[@]}" || status=$?
	else
		"${inner[@]}" &
		trap 'kill -KILL "$!" 2>/dev/null' INT TERM HUP
		wait "$!" || status=$?
	fi
	lab_destroy
	if wait_for 5 nothing_left; then
		echo "PASS nothing-left"
	else
		echo "FAIL nothing-left"
		leftovers | sed 's/^/    /'
		status=1
	fi
	return "$status"
}

case ${1-} in
-h | --help) usage ;;
--list)
	collect
	for entry in "${TESTS[@]}"; do echo "${entry%% *}"; done
	;;
--inside)
	shift
	inside "$@"
	;;
*) outside "$@" ;;
esac
