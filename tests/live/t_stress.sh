#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The splice under connections of every kind, of which each byte is looked at by both ends. SEED=N runs those of an
# earlier run once more.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

STRESS=${STRESS:-$ROOT/build/live/stress}
SEED=${SEED:-$((RANDOM << 30 | RANDOM << 15 | RANDOM))}

# serves_stress POD [OPTION...]: at port 7000 of all its addresses
serves_stress() {
	local pod=$1
	shift
	pod_start "$pod" "$LAB/tmp/stress-$pod" "$STRESS" serve "$@" 0.0.0.0/7000 ::/7000
	SERVING=$STARTED
	wait_for 5 file_has "$LAB/tmp/stress-$pod" serving || fail "$pod does not serve: $(<"$LAB/tmp/stress-$pod.err")"
}

# stress_up "OPTION..." [POD]: weft, and a service web at number 60, spliced, of one server with those options. The first
# connection of a program is watched; what comes after it is spliced.
stress_up() {
	local pod=${2:-a1} kind
	agent_up 1
	# shellcheck disable=SC2086 # a list
	serves_stress "$pod" $1
	expose_odd web 60 "weft.dev/splice=on" "$pod"
	await 1 web 1
	for kind in tcp4 tcp6; do talks c1 -n 1 "$(vip $kind 60)"; done
	WARMED=2
	mark 1
}

# talks POD OPTION... ADDRESS/PORT: waited for; the line of JSON in TALKED
talks() {
	local pod=$1
	shift
	pod_run "$pod" "$STRESS" talk -x "$SEED" "$@" >"$LAB/tmp/talk" 2>"$LAB/tmp/talk.err" ||
		fail "seed $SEED, $*: $(cat "$LAB/tmp/talk" "$LAB/tmp/talk.err")$(server_says)"
	TALKED=$(<"$LAB/tmp/talk")
}

# What the servers found meanwhile
server_says() {
	local file
	for file in "$LAB"/tmp/stress-*.err; do [ ! -s "$file" ] || sed "s|^|  ${file##*/}: |" "$file"; done
}

# served POD CONNECTIONS: the server ends, has had so many, and found nothing wrong.
served() {
	local out=$LAB/tmp/stress-$1
	end "$SERVING"
	wait_for 5 file_has "$out" connections || fail "$1 does not end: $(server_says)"
	SERVED=$(tail -n 1 "$out")
	is "$(field "$SERVED" '"\(.connections) \(.errors)"')" "$2 0" "connections and errors of the server $SERVED $(server_says)"
}

# redirected PERCENT CONNECTIONS: so many of the messages at least, of so many pairs at least
redirected() {
	local redirected passed
	redirected=$(counted 1 splice_redirect_msgs) passed=$(counted 1 splice_pass_msgs)
	weft 1 get stats -o json | jq -r 'map(select(.value > 0 and (.name | startswith("splice_"))) | "\(.name) \(.value)") | join(", ")'
	counts_least 1 splice_admitted "$2"
	[ $((redirected * 100)) -ge $(((redirected + passed) * $1)) ] ||
		fail "only $redirected of $((redirected + passed)) messages went from socket to socket"
	echo "$((redirected * 100 / (redirected + passed))) % of $((redirected + passed)) messages redirected"
}

kind_option() { case $1 in tcpm) echo -m ;; esac; }

# stress_many KIND CONNECTIONS PERCENT OPTION...
stress_many() {
	local kind=$1 count=$2 percent=$3
	shift 3
	stress_up ""
	# shellcheck disable=SC2046 # an option or none
	talks c1 -n "$count" $(kind_option "$kind") "$@" "$(vip "$kind" 60)"
	echo "$TALKED"
	redirected "$percent" $((count * 95 / 100))
	served a1 $((count + WARMED))
}

for kind in tcp4 tcp6 tcpm; do test_add "splice/stress-many-$kind" stress_many "$kind" 15000 50; done
test_add splice/stress-big stress_many tcp4 300 10 -B
