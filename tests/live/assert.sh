#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a test says: each function fails the test, with words, if it does not hold.

# shellcheck source=mesh.sh
. "${BASH_SOURCE[0]%/*}/mesh.sh"

NET=${NET:-$ROOT/build/live/net}

fail() {
	say "failed at ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $*"
	[ "${BASH_SOURCE[1]}" != "${BASH_SOURCE[0]}" ] || say "  called at ${BASH_SOURCE[2]##*/}:${BASH_LINENO[1]}"
	exit 1
}

skip() {
	echo "$*" >"$LAB/skipped"
	exit 77
}

# is GOT WANTED [WHAT]
is() { [ "$1" = "$2" ] || fail "${3:-value}: got '$1', wanted '$2'"; }

# matches TEXT EXTENDED-REGEX [WHAT]
matches() { [[ $1 =~ $2 ]] || fail "${3:-text}: got '$1', wanted a match of '$2'"; }

# refuses STATUS COMMAND...: it must end with that status; what it says is in SAID.
refuses() {
	local wanted=$1 status=0
	shift
	SAID=$("$@" 2>&1) || status=$?
	[ "$status" = "$wanted" ] || fail "status $status instead of $wanted from: $*: $SAID"
}

# does POD KIND STEP...: the lines of `net do`, joined by "; ".
does() {
	local pod=$1
	shift
	pod_run "$pod" "$NET" "do" "$@" | awk '{ printf "%s%s", (NR > 1 ? "; " : ""), $0 } END { print "" }'
}

# load POD ARGUMENT...: one line of JSON
load() { local pod=$1; shift; pod_run "$pod" "$NET" load "$@"; }

# load_start POD NAME ARGUMENT...: in the background, until load_end NAME prints its line of JSON.
load_start() {
	local pod=$1 name=$2
	shift 2
	pod_start "$pod" "$LAB/tmp/$name" "$NET" load "$@"
	echo "$STARTED" >"$LAB/tmp/$name.pid"
}

load_end() {
	kill -TERM "$(<"$LAB/tmp/$1.pid")" 2>/dev/null || true
	wait_for 10 ends_line "$LAB/tmp/$1" || fail "load $1 did not end"
	cat "$LAB/tmp/$1.err" >&2
	cat "$LAB/tmp/$1"
}

ends_line() { [ -s "$1" ] && [ -z "$(tail -c 1 "$1")" ]; }

# talk POD KIND STEP...: `net do` that stops at each "pause" until go_on; heard LINE: the next line must match.
talk() {
	local pod=$1
	shift
	coproc TALK { pod_run "$pod" "$NET" "do" "$@" 2>&1; }
	# Own descriptors: bash closes the others when the process ends.
	exec {TALK_IN}>&"${TALK[1]}" {TALK_OUT}<&"${TALK[0]}"
}

heard() {
	read -r -t 5 HEARD <&"$TALK_OUT" || fail "heard nothing, wanted '$1'"
	matches "$HEARD" "^$1$" "what was heard"
}

go_on() { echo >&"$TALK_IN"; }

field() { jq -r "$2" <<<"$1"; }

# clean REPORT [LEAST]: not one request failed or went astray, and there were at least so many.
clean() {
	is "$(field "$1" '"\(.failures) \(.misdirected)"')" "0 0" "failed and misdirected requests of $1"
	[ "$(field "$1" .requests)" -ge "${2:-1}" ] || fail "too few requests to mean anything: $1"
}

# names REPORT: who answered, sorted
names() { field "$1" '.by_name | keys | join(" ")'; }

# The counters since the mark: counted NODE NAME
mark() { weft "$1" get stats -o json >"$LAB/tmp/stats$1"; }
counted() {
	weft "$1" get stats -o json | jq --arg name "$2" --slurpfile before "$LAB/tmp/stats$1" \
		'(map(select(.name == $name))[0].value) - ($before[0] | map(select(.name == $name))[0].value)'
}
counts() { is "$(counted "$1" "$2")" "$3" "counter $2"; }
counts_least() { [ "$(counted "$1" "$2")" -ge "$3" ] || fail "counter $2: $(counted "$1" "$2"), wanted at least $3"; }

# chi_square REPORT NAME=SHARE...: are the answers spread so? The limit is passed by chance once in 10,000 runs.
chi_square() {
	local report=$1
	shift
	field "$report" '.by_name | to_entries[] | "\(.key) \(.value)"' | awk -v shares="$*" '
		BEGIN {
			split("15.14 18.42 21.11 23.51 25.74 27.86 29.88", limit, " ")
			n = split(shares, pair, " ")
			for (i = 1; i <= n; i++) {
				split(pair[i], part, "=")
				share[part[1]] = part[2]
				sum += part[2]
			}
		}
		{ got[$1] = $2; total += $2 }
		!($1 in share) { print "an answer from " $1; stray = 1 }
		END {
			for (name in share)
				chi += (got[name] - total * share[name] / sum) ^ 2 / (total * share[name] / sum)
			printf "chi-square %.2f of %d answers, limit %.2f\n", chi, total, limit[n - 1]
			exit stray || chi > limit[n - 1]
		}' || fail "not spread as wanted: $*: $report"
}

# Virtual address and port 80 of a service for a kind of socket: "10.96.0.1/80"
vip() {
	case $1 in
	*6) echo "$(vip6 "$2")/80" ;;
	*) echo "$(vip4 "$2")/80" ;;
	esac
}

# The address of a pod, likewise.
pod_ip() {
	case $1 in
	*6) pod_ip6 "$2" ;;
	*) pod_ip4 "$2" ;;
	esac
}

# As an application sees an address on a socket of that kind: "::ffff:10.96.0.1 80"
seen() {
	local text=${2/\// }
	case $1 in
	*m) echo "::ffff:$text" ;;
	*) echo "$text" ;;
	esac
}

# What a test registers: test_add NAME FUNCTION ARGUMENT...
test_add() { TESTS+=("$1 ${BASH_SOURCE[1]} ${*:2}"); }
