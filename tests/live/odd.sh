#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Servers that are slow, reset, or are not there, behind services; what weft shows of them. Sourced by tests of
# load and health.

# shellcheck source=assert.sh
. "${BASH_SOURCE[0]%/*}/assert.sh"

EXCHANGE=${EXCHANGE:-$ROOT/build/live/exchange}
SERVE=${SERVE:-$ROOT/build/live/serve}
ODD_PORTS="http/TCP/80/7000"
declare -A ODD=()

# An agent under which connects that fail are not moved: then the clients see what weft goes by, too.
agent_plain() { local n=$1; shift; agent_up "$n" --without tc "$@"; }

# odd POD [OPTION...]: serves at port 7000 of the pod, with those options of `exchange serve`.
odd() {
	local pod=$1
	shift
	rm -f "$LAB/tmp/odd-$pod"
	pod_start "$pod" "$LAB/tmp/odd-$pod" "$EXCHANGE" serve "$@" "$pod" "$(pod_ip4 "$pod")/7000" "$(pod_ip6 "$pod")/7000"
	ODD[$pod]=$STARTED
	wait_for 5 file_has "$LAB/tmp/odd-$pod" serving || fail "$pod does not serve: $(<"$LAB/tmp/odd-$pod.err")"
}

odd_end() {
	kill -KILL "${ODD[$1]}"
	wait "${ODD[$1]}" 2>/dev/null || true
}

# moody POD [MOOD]: the same port, by a server whose mood can be changed: mood POD MOOD; `serve` lists the moods.
moody() {
	local pod=$1 out=$LAB/tmp/odd-$1
	rm -f "$out"
	echo "${2:-answer}" >"$out.mood"
	pod_start "$pod" "$out" "$SERVE" -m "$out.mood" "$pod" "tcp/$(pod_ip4 "$pod")/7000" "tcp/$(pod_ip6 "$pod")/7000"
	ODD[$pod]=$STARTED
	wait_for 5 file_has "$out" serving || fail "$pod does not serve: $(<"$out.err")"
}

# Returns when the server has said that it is so now.
mood() {
	local out=$LAB/tmp/odd-$1 lines
	lines=$(wc -l <"$out")
	echo "$2" >"$out.mood"
	kill -HUP "${ODD[$1]}"
	wait_for 5 has_lines "$out" $((lines + 1)) || fail "$1 does not change its mood: $(<"$out.err")"
	is "$(tail -n 1 "$out")" "now $2" "mood of $1"
}

has_lines() { [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }

# expose_odd NAME NUMBER "OPTION..." POD...
expose_odd() {
	local name=$1 number=$2 options=$3
	shift 3
	# shellcheck disable=SC2086 # a list
	put_service "$name" "$number" "$ODD_PORTS" $options
	pods_yaml "$name" "$ODD_PORTS" "" "$@" | put "pods-$name.yaml"
}

# exchanges POD ARGUMENT...: a line of JSON
exchanges() { local pod=$1; shift; pod_run "$pod" "$EXCHANGE" ask "$@"; }

# hold POD NAME COUNT ADDRESS/PORT: opens connections; let_go NAME ends them.
hold() {
	pod_start "$1" "$LAB/tmp/$2" "$EXCHANGE" hold "$3" "$4"
	echo "$STARTED" >"$LAB/tmp/$2.pid"
	wait_for 10 file_has "$LAB/tmp/$2" "^holding $3\$" || fail "not all of $3 connections could be opened: $(<"$LAB/tmp/$2")"
}

let_go() { end "$(<"$LAB/tmp/$1.pid")"; }

# of SERVICE POD FIELD [4|6]: what weft says of an endpoint
of() {
	local address
	[ "${4:-4}" = 6 ] && address=$(pod_ip6 "$2") || address=$(pod_ip4 "$2")
	weft 1 get endpoints -o json | jq -r --arg name "$1" --arg address "$address" --arg field "$3" \
		'map(select(.service == $name and .address == $address))[0] | .[$field] | if . == null then "null" else . end'
}

has_of() { [ "$(of "$1" "$2" "$3" "${5:-4}")" = "$4" ]; }
await_of() { wait_for "${6:-5}" has_of "$1" "$2" "$3" "$4" "${5:-4}" || fail "$1 at $2: $3 is $(of "$1" "$2" "$3" "${5:-4}"), wanted $4"; }

# between GOT LEAST MOST [WHAT]
between() { awk -v got="$1" -v least="$2" -v most="$3" 'BEGIN { exit !(got >= least && got <= most) }' || fail "${4:-value}: got $1, wanted $2 to $3"; }

# share REPORT POD: percent of the answers
share() { field "$1" ".requests as \$all | 100 * (.by_name[\"$2\"] // 0) / (if \$all > 0 then \$all else 1 end)"; }

# From now until the end of the test, what the pod sends to the client's addresses is lost.
mute() {
	local pod=$1 client=$2
	# shellcheck disable=SC2064 # these two, whatever they are called later
	trap "unmute $pod $client" EXIT
	ip -n "$LAB_NS-$pod" route add blackhole "$(pod_ip4 "$client")/32"
	ip -n "$LAB_NS-$pod" route add blackhole "$(pod_ip6 "$client")/128"
}

unmute() {
	ip -n "$LAB_NS-$1" route del blackhole "$(pod_ip4 "$2")/32" 2>/dev/null || true
	ip -n "$LAB_NS-$1" route del blackhole "$(pod_ip6 "$2")/128" 2>/dev/null || true
}
