#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The command line as scripts meet it: exit codes and formats.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

cli_misuse() {
	local line
	while read -r line; do
		# shellcheck disable=SC2086 # words
		refuses 2 "$WEFT" $line
		[ -n "$SAID" ] || fail "'weft $line' is refused without a word"
	done <<-END

		nothing
		load --nonsense
		load --bpffs
		load more
		agent --bpffs $LAB_BPF/node1
		get
		get nothing
		get services one two
		get services -o xml
		unload --cgroup x
		unload --interfaces x
		load --uplink
		get --interfaces x services
		monitor web
		monitor --kind nothing
		monitor -o yaml
		top --once --interval 0
		top --sort size
		top -o json
		get services -w --interval 0
		get services -w --interval often
	END
	[ ! -e "$LAB_BPF/node1" ] || fail "a refused command did something"
}

cli_help() {
	local command
	matches "$("$WEFT" --help)" "usage: weft COMMAND"
	for command in load unload agent get explain monitor top check completion version; do
		matches "$("$WEFT" --help)" "$command"
		matches "$("$WEFT" "$command" --help)" "usage: weft $command"
	done
	"$WEFT" version >/dev/null
	"$WEFT" check >/dev/null
}

cli_get() {
	local kind
	expose web 70 "" a1
	expose other 71 "" b1
	put other.yaml < <(service_yaml web 72 "$PORTS_BOTH" | sed 's/namespace: live/namespace: second/')
	agent_up 1
	for kind in services endpoints interfaces stats; do
		is "$(weft 1 get "$kind" -o json | jq -r type)" array "$kind"
		matches "$(weft 1 get "$kind" | head -n 1)" '^NAME' "$kind"
		[[ ! $(weft 1 get "$kind" --no-headers) =~ NAMESPACE|VALUE ]] || fail "headings in spite of --no-headers"
		weft 1 get "$kind" -o wide >/dev/null
		weft 1 get "$kind" -o yaml >/dev/null
	done
	is "$(weft 1 get services -n second -o json | jq -c 'map(.namespace) | unique')" '["second"]'
	is "$(weft 1 get services -A -o json | jq -c 'map(.namespace) | unique')" '["live","second"]'
	is "$(weft 1 get services live/web -o json | jq -c 'map(.name) | unique')" '["web"]'
	is "$(weft 1 get services -n nowhere -o json | jq -c .)" '[]'
	is "$(weft 1 get stats connect_balanced -o json | jq -c .)" '[{"name":"connect_balanced","value":0}]'
	is "$(weft 1 get services -o yaml | grep -cE '^  name: "?web"?$')" 8 "services in YAML"
}

# on_terminal VARIABLE=VALUE...: the endpoints, as a terminal gets them
on_terminal() { ns_run node1 env "$@" script -qec "$WEFT get endpoints --bpffs $LAB_BPF/node1" /dev/null </dev/null; }

cli_colours() {
	local escape=$'\e['
	expose web 70 "" a1 b1
	agent_up 1
	await 1 web 2
	weft 1 drain "$(pod_ip4 a1)" >/dev/null
	[[ $(on_terminal TERM=xterm) == *"$escape"*draining* ]] || fail "no colour on a terminal"
	[[ $(on_terminal TERM=xterm) == *"${escape}32m"active* ]] || fail "what is well is not green"
	[[ $(on_terminal TERM=xterm NO_COLOR=1) != *"$escape"* ]] || fail "colours in spite of NO_COLOR"
	[[ $(on_terminal TERM=dumb) != *"$escape"* ]] || fail "colours where there are none"
	matches "$(on_terminal TERM=dumb)" draining
	[[ $(TERM=xterm weft 1 get endpoints) != *"$escape"* ]] || fail "colours in a pipe"
}

status_of() { weft 1 get status "$1" -o json | jq -r '.[0].value'; }

cli_status() {
	local before version
	refuses 1 weft 1 get status
	matches "$SAID" "weft is not loaded"
	before=$(date +%s)
	expose web 70 "" a1 b1
	agent_up 1 --without splice,tcx
	is "$(status_of agent)" running
	matches "$(weft 1 get status agent)" "process id $AGENT\$"
	is "$(status_of attached)" yes
	version=$("$WEFT" version)
	is "weft $(status_of version), rows of ABI $(status_of abi)" "$version"
	[ $(($(date -d "$(status_of loaded)" +%s) - before)) -lt 30 ] || fail "loaded at $(status_of loaded)"
	[ "$(date -d "$(status_of loaded)" +%s)" -ge $((before - 1)) ] || fail "loaded at $(status_of loaded)"
	is "$(status_of feature.splice) $(status_of feature.health)" "off on"
	# TCP and UDP of both families, and two endpoints for each.
	is "$(weft 1 get status map.services -o json | jq -c '.[0] | [.value, .most]')" '["4",65536]'
	is "$(status_of map.members)" 8
	matches "$(weft 1 get status)" '^NAME +VALUE'
	weft 1 splice off >/dev/null
	is "$(status_of splice)" off
	agent_kill "$AGENT"
	is "$(status_of agent)" "not running"
}

watched() { file_has "$LAB/tmp/watched" "$1" || fail "it was not said: $1; but $(<"$LAB/tmp/watched")"; }
has_said() { file_has "$LAB/tmp/watched" "$1"; }

cli_watch() {
	local pid status=0
	expose web 70 "" a1
	agent_up 1
	"$WEFT" get services -w --interval 0.1 --bpffs "$LAB_BPF/node1" >"$LAB/tmp/watched" 2>&1 &
	pid=$!
	wait_for 5 has_said "ADDED .* web .* $(vip4 70)" || watched "ADDED .* web .* $(vip4 70)"
	expose other 71 "" b1
	wait_for 5 has_said "ADDED .* other .* $(vip4 71)" || watched "ADDED .* other .* $(vip4 71)"
	expose web 70 "" a1 b1
	wait_for 5 has_said "MODIFIED .* web .* $(vip4 70) .* 2" || watched "MODIFIED .* web .* $(vip4 70) .* 2"
	rm "$LAB_SOURCE"/*other*
	wait_for 5 has_said "DELETED .* other .* $(vip4 71)" || watched "DELETED .* other .* $(vip4 71)"
	is "$(grep -c EVENT "$LAB/tmp/watched")" 1 "headings"
	kill -INT "$pid"
	wait "$pid" || status=$?
	is "$status" 0 "status of the interrupted watch"
	refuses 2 ns_run node1 "$WEFT" get services -w --interval 0 --bpffs "$LAB_BPF/node1"
	matches "$SAID" "no interval"
	agent_end "$AGENT"
	weft_unload 1 >/dev/null
	refuses 1 ns_run node1 "$WEFT" get services -w --bpffs "$LAB_BPF/node1"
}

# Who reads has gone: it ends by itself and without a word, though nothing changes.
cli_watch_broken_pipe() {
	local status=0
	expose web 70 "" a1
	agent_up 1
	mkfifo "$LAB/tmp/pipe"
	ns_run node1 "$WEFT" get --bpffs "$LAB_BPF/node1" services -w >"$LAB/tmp/pipe" 2>"$LAB/tmp/said" </dev/null &
	WATCHING=$!
	head -n 1 <"$LAB/tmp/pipe" >/dev/null
	wait_for 5 is_gone "$WATCHING" || fail "it goes on"
	wait "$WATCHING" || status=$?
	is "$status" 0 "exit code"
	is "$(<"$LAB/tmp/said")" "" "what it said"
}

test_add usage-errors cli_misuse
test_add help cli_help
test_add get cli_get
test_add get-colours cli_colours
test_add get-status cli_status
test_add get-watch cli_watch
test_add get-watch-broken-pipe cli_watch_broken_pipe
