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
		get services -w --interval 0
		get services -w --interval often
	END
	[ ! -e "$LAB_BPF/node1" ] || fail "a refused command did something"
}

cli_help() {
	local command
	matches "$("$WEFT" --help)" "usage: weft COMMAND"
	for command in load unload agent get check version; do
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

# watch_start NAME WORD...: weft get WORD... --watch in the background; its process id is in WATCHING.
watch_start() {
	local name=$1
	shift
	in_cgroup "$LAB_CGROUP/agents" node1 "$WEFT" get --bpffs "$LAB_BPF/node1" "$@" -w --interval 0.1 \
		>"$LAB/tmp/$name" 2>&1 </dev/null &
	WATCHING=$!
}

watch_end() {
	local status=0
	kill -INT "$WATCHING"
	wait "$WATCHING" || status=$?
	is "$status" 0 "exit code after SIGINT"
}

lines_are() { [ "$(jq -r '"\(.type) \(.object.address) \(.object.endpoints)"' "$LAB/tmp/$1" | tr '\n' ';')" = "$2" ]; }

cli_watch() {
	local v4=10.96.0.70 v6=fd00:96::46
	put_service web 70 "http/TCP/80/8080"
	put_pods web a1
	agent_up 1
	watch_start json services web -o json
	wait_for 5 lines_are json "ADDED $v4 1;ADDED $v6 1;" || fail "the first listing: $(<"$LAB/tmp/json")"
	put_pods web a1 b1
	wait_for 5 lines_are json "ADDED $v4 1;ADDED $v6 1;MODIFIED $v4 2;MODIFIED $v6 2;" ||
		fail "after a change: $(<"$LAB/tmp/json")"
	watch_end
	watch_start table services web
	wait_for 5 file_has "$LAB/tmp/table" '^ADDED .*fd00' || fail "no first listing: $(<"$LAB/tmp/table")"
	matches "$(head -n 1 "$LAB/tmp/table")" '^EVENT +NAMESPACE +NAME '
	put_service web 71 "http/TCP/80/8080"
	wait_for 5 file_has "$LAB/tmp/table" '^DELETED  *live  *web  *fd00:96::46  *80  *TCP' || fail "no deletion: $(<"$LAB/tmp/table")"
	wait_for 5 file_has "$LAB/tmp/table" '^ADDED  *live  *web  *fd00:96::47 ' || fail "no addition: $(<"$LAB/tmp/table")"
	# What did not change is said once.
	sleep 0.3
	is "$(wc -l <"$LAB/tmp/table")" 7 "lines of the table"
	watch_end
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
test_add get-status cli_status
test_add watch cli_watch
test_add watch-broken-pipe cli_watch_broken_pipe
