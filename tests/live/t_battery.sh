#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What programs see of a spliced connection is what they see of a plain one, but for what battery.tsv says.
#
#   plain    of a service that is not spliced
#   member   admitted, but the splice is off: each byte goes the usual way
#   spliced  each byte goes the short way, unless an option of the socket forbids it
#   reverse  the same from the server to the client

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

BATTERY=${BATTERY:-$ROOT/build/live/battery}
BATTERY_TABLE=$LIVE/battery.tsv

# A plain service and one that is spliced, each with one endpoint, at which the battery listens.
battery_up() {
	expose_odd plain 70 "weft.dev/consecutive-failures=0" a2
	expose_odd fast 71 "weft.dev/consecutive-failures=0 weft.dev/splice=on" a1
	agent_up 1
	weft 1 get stats -o json | jq -e 'any(.name == "splice_admitted")' >/dev/null || fail "there is no splice"
	cat >"$LAB/tmp/hook" <<-END
		#!/bin/sh
		weft() { $WEFT "\$@" --bpffs $LAB_BPF/node1; }
		case \$1 in
		counters)
			weft get stats -o json | jq -r 'map({ (.name): .value }) | add |
				"\(.splice_admitted) \(.splice_redirect_bytes) \(.splice_pass_msgs)"'
			;;
		# A program whose sockets blocked in one case is not given up for the next.
		trust)
			bpftool -j map dump pinned $LAB_BPF/node1/splice_programs | jq -r '.[].key | join(" ")' |
				while read -r key; do
					bpftool map update pinned $LAB_BPF/node1/splice_programs key \$key \
						value 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0
				done
			;;
		*) weft splice "\$1" >/dev/null ;;
		esac
	END
	chmod +x "$LAB/tmp/hook"
	# The first connection of a program is watched.
	battery tcp4 fast -- big >/dev/null
	battery tcp6 fast -- big >/dev/null
	mark 1
}

# battery KIND plain|fast OPTION... [-- CASE...]: a line for each case
battery() {
	local kind=$1 pod=a2 number=70 options=()
	[ "$2" = plain ] || pod=a1 number=71
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
	[ $# -eq 0 ] || shift
	pod_run c1 "$BATTERY" run "${options[@]}" "$(ns_path c1)" "$(ns_path "$pod")" "$(pod_ip "$kind" "$pod")/7000" \
		"$(vip "$kind" "$number")" "$@"
}

# compare MODE: says each case that differs from the plain one otherwise than the table has it.
compare() {
	awk -F '\t' -v mode="$1" '
		function complain(text) { print text; bad = 1 }
		FILENAME ~ /\.tsv$/ {
			if (/^#/)
				next
			if (NF != 4)
				complain("not a row: " $0)
			for (n = split($1, modes, ","); n; n--) {
				if (modes[n] == mode)
					listed[$2] = $3
			}
			next
		}
		{ name = $0; sub(/:.*/, "", name); seen = substr($0, length(name) + 3) }
		FILENAME ~ /plain$/ { plain[name] = seen; next }
		{
			played++
			wanted = name in listed ? listed[name] : plain[name]
			if (seen != wanted)
				complain(name "\n  plain  " plain[name] "\n  " (name in listed ? "listed " : "wanted ") wanted "\n  got    " seen)
			else if (name in listed && plain[name] == seen)
				complain(name ": listed, but not different")
		}
		END {
			for (name in plain)
				m++
			if (played != m || !m)
				complain(m " cases were played plain, " played " as " mode)
			exit bad
		}' "$BATTERY_TABLE" "$LAB/tmp/plain" "$LAB/tmp/$1" || fail "programs see that they are $1"
}

# Each connection was admitted; and what should be spliced was, and nothing else.
accounted() {
	"$BATTERY" list | awk -v mode="$1" '
		function complain(text) { print text; bad = 1 }
		FILENAME == "-" { passes[$1] = $2 == "passes" || ($2 == "leaves" && mode != "reverse"); next }
		# These connect twice.
		$2 != 1 + ($1 ~ /^dissolve/ && mode == "spliced") { complain($1 ": " $2 " pairs admitted") }
		mode == "member" && $3 { complain($1 ": " $3 " bytes redirected, though it was off") }
		# A greeting may have been.
		mode != "member" && passes[$1] && $3 > (mode == "reverse") { complain($1 ": " $3 " bytes redirected, though nothing may be") }
		mode != "member" && !passes[$1] && !$3 { complain($1 ": nothing redirected, " $4 " messages passed") }
		END { exit bad }' - "$LAB/tmp/counters" || fail "not spliced as it should be"
}

# battery_compare MODE KIND OPTION...: each case of it beside the plain one
battery_compare() {
	local mode=$1 kind=$2 beside both=()
	shift 2
	battery_up
	[ "$mode" != member ] || both+=(-o)
	battery "$kind" plain "$@" >"$LAB/tmp/plain" &
	beside=$!
	battery "$kind" fast -h "$LAB/tmp/hook" -c "$LAB/tmp/counters" "${both[@]}" "$@" >"$LAB/tmp/$mode"
	wait "$beside"
	compare "$mode"
	accounted "$mode"
	# The plain ones were none of them.
	counts 1 splice_admitted "$(awk '{ sum += $2 } END { print sum }' "$LAB/tmp/counters")"
}

# An end that blocks when the connection is made: it stays as it is.
battery_blocking() {
	local kind end
	battery_up
	for kind in tcp4 tcp6; do
		for end in client listener; do
			matches "$(battery "$kind" fast -b "$end" -- big crumbs)" "crumbs: .*kl.*big: .*right,EOF" "$end that blocks"
			counts 1 splice_admitted 0
		done
	done
	# The same with neither of them.
	matches "$(battery tcp4 fast -- big)" "right,EOF"
	counts 1 splice_admitted 1
}

# The switch is turned all the time: bytes change their way, and their order never. Not one is lost.
battery_turned() {
	local cases=(big big_both_ways small_pieces dialogue stuff_then_end stuff_again two_senders four_threads kill_while_sending
		epoll_level poll_pending_end) i
	battery_up
	battery tcp4 plain -- "${cases[@]}" >"$LAB/tmp/plain"
	# Nobody else ends it if the test fails.
	trap 'kill "$TURNER" 2>/dev/null || true' EXIT
	(while "$LAB/tmp/hook" off && sleep 0.01 && "$LAB/tmp/hook" on && sleep 0.03; do :; done) &
	TURNER=$!
	for i in 1 2; do
		battery tcp4 fast -- "${cases[@]}" >"$LAB/tmp/spliced"
		diff "$LAB/tmp/plain" "$LAB/tmp/spliced" || fail "programs see how the switch is turned"
		battery tcp6 fast -r -- "${cases[@]}" >"$LAB/tmp/spliced"
		diff "$LAB/tmp/plain" "$LAB/tmp/spliced" || fail "programs see how the switch is turned"
	done
	end "$TURNER"
	counts_least 1 splice_redirect_msgs 1000
	counts_least 1 splice_off 100
	counts_least 1 splice_order 1
}

test_add splice/api-member battery_compare member tcp4
test_add splice/api-spliced battery_compare spliced tcp4
test_add splice/api-reverse battery_compare reverse tcp6 -r
test_add splice/api-blocking battery_blocking
test_add splice/api-turned battery_turned
