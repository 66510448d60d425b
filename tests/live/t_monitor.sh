#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# weft monitor: each kind of event, made for real.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

SOON="weft.dev/base-ejection-time=400ms"

# watch NAME OPTION...: a monitor in the background, which is listening when this returns. Its process id is in WATCHING.
watch() {
	local out=$LAB/tmp/$1
	shift
	in_cgroup "$LAB_CGROUP/agents" node1 "$WEFT" monitor --bpffs "$LAB_BPF/node1" -v "$@" >"$out" 2>"$out.err" </dev/null &
	WATCHING=$!
	wait_for 5 file_has "$out.err" listening || fail "it does not listen: $(<"$out.err")"
}

# happened NAME FILTER: until a line of JSON passes the filter of jq; it is in LINE.
happened() {
	wait_for 5 find_line "$@" || fail "nothing that is $2: $(<"$LAB/tmp/$1")"
	LINE=$(find_line "$@")
}
find_line() { jq -ce "select($2)" "$LAB/tmp/$1" | head -n 1 | grep .; }

monitor_refused() {
	expose web 80 ""
	agent_up 1
	await 1 web 0
	watch all -o json
	does c1 tcp4 "connect=$(vip tcp4 80)" >/dev/null
	happened all '.kind == "refused"'
	echo "$LINE"
	is "$(field "$LINE" '"\(.namespace)/\(.service) \(.service_address) \(.service_port) \(.protocol) \(.program)"')" \
		"live/web $(vip4 80) 80 TCP net"
	cat "$LAB/tmp/all"
}

test_add monitor/refused monitor_refused
