#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The splice under connections of every kind, of which each byte is looked at by both ends. SEED=N runs those of an
# earlier run once more.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

STRESS=${STRESS:-$ROOT/build/live/stress}
SPLICE=${SPLICE:-on}
SLOW_MS=3000 # that is told
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
	local pod=${2:-a1} kind client
	# Else it takes long to find a port that was not used within the last minute. No other test minds.
	for client in c1 c2; do ns_run "$client" sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse'; done
	agent_up 1
	# shellcheck disable=SC2086 # a list
	serves_stress "$pod" $1
	expose_odd web 60 "weft.dev/splice=$SPLICE" "$pod"
	await 1 web 1
	for kind in tcp4 tcp6; do talks c1 -n 1 "$(vip $kind 60)"; done
	WARMED=2
	mark 1
}

# talks POD OPTION... ADDRESS/PORT: waited for; the line of JSON in TALKED
talks() {
	local pod=$1
	shift
	pod_run "$pod" "$STRESS" talk -x "$SEED" -w "$SLOW_MS" "$@" >"$LAB/tmp/talk" 2>"$LAB/tmp/talk.err" ||
		fail "seed $SEED, $*: $(cat "$LAB/tmp/talk" "$LAB/tmp/talk.err")$(server_says)"
	TALKED=$(<"$LAB/tmp/talk")
	[ "$(connections)" = 1 ] || tell "$LAB/tmp/talk"
}

# tell OUTPUT: what it was, for the eye
tell() { jq -r '"\(.connections) connections, \(.messages) messages, \(.sent_bytes + .received_bytes) bytes, the slowest took \(.slowest_ms) ms"' "$1"; cat "$1.err"; }

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
	echo "$2" >>"$LAB/log/stressed"
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

# talks_on NAME POD OPTION... ADDRESS/PORT: in the background, until talked NAME waits for it; then its JSON is in TALKED.
talks_on() {
	local name=$1 pod=$2
	shift 2
	pod_start "$pod" "$LAB/tmp/talk-$name" "$STRESS" talk -x "$SEED" -w "$SLOW_MS" "$@"
	echo "$STARTED" >"$LAB/tmp/talk-$name.pid"
}

talked() {
	local out=$LAB/tmp/talk-$1 status=0
	wait "$(<"$out.pid")" || status=$?
	[ "$status" = 0 ] || fail "seed $SEED, $1: status $status $(cat "$out" "$out.err")$(server_says)"
	TALKED=$(<"$out")
	tell "$out"
}

# Those are still at it.
talking() { [ ! -s "$LAB/tmp/talk-$1" ] || fail "$1 has ended already: $(<"$LAB/tmp/talk-$1")"; }

# connections: of TALKED
connections() { field "$TALKED" .connections; }

admitted_least() { [ "$(counted 1 splice_admitted)" -ge "$1" ]; }

# stress_many KIND CONNECTIONS PERCENT OPTION...
stress_many() {
	local kind=$1 count=$2 percent=$3
	shift 3
	stress_up ""
	# shellcheck disable=SC2046 # an option or none
	talks c1 -n "$count" $(kind_option "$kind") "$@" "$(vip "$kind" 60)"
	redirected "$percent" $((count * 98 / 100))
	served a1 $((count + WARMED))
}

# Messages of which some are cut, and readers that do not keep up.
stress_big() {
	stress_up ""
	talks c1 -n 1000 -B "$(vip tcp4 60)"
	redirected 35 980
	counts_least 1 splice_limit 100
	served a1 $((1000 + WARMED))
}

# rps MASK NAMESPACE...: the processors that work on what arrives there
rps() {
	local mask=$1 ns
	shift
	for ns in "$@"; do
		# shellcheck disable=SC2016 # expanded there, not here
		ns_run "$ns" unshare --mount sh -ec '
			mount -t sysfs sysfs /sys
			for file in /sys/class/net/*/queues/rx-0/rps_cpus; do echo '"$mask"' >"$file"; done'
	done
}

# The two ends of a connection are established on different processors, in either order.
stress_rps() {
	[ "$(nproc)" -ge 2 ] || skip "one processor"
	trap 'rps 0 node1 c1 a1' EXIT
	rps 3 node1 c1 a1
	stress_up ""
	talks c1 -n 8000 "$(vip tcp4 60)"
	talks_on six c1 -n 2000 "$(vip tcp6 60)"
	talks c2 -n 2000 -B -c 16 "$(vip tcp4 60)"
	talked six
	redirected 45 11500
	served a1 $((12000 + WARMED))
}

# The server's socket is made when the first message is there.
stress_defer_accept() {
	stress_up -d
	talks c1 -n 5000 "$(vip tcp4 60)"
	redirected 35 4900
	served a1 $((5000 + WARMED))
}

fast_opens() { ns_run "$1" nstat -asz TcpExtTCPFastOpenActive | awk '/FastOpen/ { print $2 }'; }

fast_open() {
	local pod
	for pod in c1 a1 a2; do ns_run "$pod" sh -c "echo $1 >/proc/sys/net/ipv4/tcp_fastopen"; done
}

# The server is established first: such a connection is never a pair.
stress_fastopen() {
	local before opened
	trap 'fast_open 1' EXIT
	fast_open 3
	stress_up -f
	before=$(fast_opens c1)
	talks c1 -n 5000 -f "$(vip tcp4 60)"
	opened=$(($(fast_opens c1) - before))
	[ "$opened" -ge 4000 ] || fail "only $opened of 5000 opened with bytes in the SYN"
	# Those without, at the beginning, are pairs.
	between "$(counted 1 splice_admitted)" 0 $((5000 - opened))
	counts_least 1 splice_unfit_client "$opened"
	served a1 $((5000 + WARMED))
}

# Runs a function with words again and again, with pauses between, until the file is there.
again_until() {
	local file=$1 pause=$2
	shift 2
	until [ -e "$file" ]; do
		"$@"
		sleep "$pause"
	done
}

flip_switch() {
	weft 1 splice off
	sleep 0.05
	weft 1 splice on
}

flip_annotation() {
	expose_odd web 60 "" a1
	sleep 0.05
	expose_odd web 60 "weft.dev/splice=on" a1
}

# The two switches are turned all the time.
stress_toggle() {
	local flipping=() count
	stress_up ""
	talks_on long c1 -n 300 -c 300 -L -g 60 "$(vip tcp4 60)"
	talks_on short c2 -s 5 "$(vip tcp4 60)"
	again_until "$LAB/tmp/stop" 0.05 flip_switch >"$LAB/tmp/flip" 2>&1 &
	flipping+=($!)
	again_until "$LAB/tmp/stop" 0.07 flip_annotation >"$LAB/tmp/annotate" 2>&1 &
	flipping+=($!)
	talked long
	talked short
	count=$(connections)
	touch "$LAB/tmp/stop"
	wait "${flipping[@]}"
	[ "$(wc -l <"$LAB/tmp/flip")" -ge 40 ] || fail "the switch was turned $(wc -l <"$LAB/tmp/flip") times only"
	redirected 5 500
	counts_least 1 splice_off 5000
	served a1 $((count + 300 + WARMED))
}

stress_agent_killed() {
	local i count
	stress_up ""
	talks_on long c1 -n 300 -c 300 -L -g 100 "$(vip tcp4 60)"
	talks_on short c2 -s 6 "$(vip tcp4 60)"
	for i in 1 2 3; do
		sleep 0.3
		agent_kill "$AGENT"
		sleep 0.3
		agent_up 1
	done
	talking short
	talked long
	talked short
	count=$(connections)
	redirected 60 $((count * 98 / 100))
	served a1 $((count + 300 + WARMED))
}

# What is spliced is let go without a loss, and weft comes back beside it.
stress_unload() {
	stress_up ""
	talks_on long c1 -n 400 -c 400 -L -g 150 "$(vip tcp4 60)"
	talks_on big c2 -n 100 -c 100 -B -T -g 500 "$(vip tcp4 60)"
	wait_for 10 admitted_least 500 || fail "only $(counted 1 splice_admitted) pairs"
	sleep 0.5
	redirected 35 500
	agent_end "$AGENT"
	weft_unload 1 >/dev/null
	talking long
	talking big
	sleep 0.5
	agent_up 1
	await 1 web 1
	talking long
	mark 1
	talks c2 -n 500 "$(vip tcp4 60)"
	counts_least 1 splice_admitted 400
	talked big
	talked long
	served a1 $((400 + 100 + 500 + WARMED))
}

stress_same_pod() {
	stress_up ""
	talks a1 -n 5000 "$(vip tcp4 60)"
	redirected 45 4900
	served a1 $((5000 + WARMED))
}

# Programs that wait in their calls, and programs that do not, at one server; and a server that does.
stress_blocking_mix() {
	local plain
	stress_up ""
	plain=$SERVING
	# Another program, as far as weft can see.
	cp "$STRESS" "$LAB/tmp/blocks"
	STRESS=$LAB/tmp/blocks serves_stress a2 -b
	expose_odd blocks 61 "weft.dev/splice=on" a2
	await 1 blocks 1
	talks c1 -n 1 "$(vip tcp4 61)"
	mark 1
	talks_on events c1 -n 5000 "$(vip tcp4 60)"
	talks_on blocks c2 -n 1000 -b "$(vip tcp4 60)"
	talks_on later c2 -n 1000 -l "$(vip tcp4 60)"
	talks_on server c1 -n 1000 "$(vip tcp4 61)"
	talked events
	talked blocks
	talked later
	talked server
	redirected 35 5900
	counts 1 splice_left 1000
	counts 1 splice_unfit_client 1000
	counts 1 splice_unfit_server 1000
	served a2 1001
	SERVING=$plain
	served a1 $((7000 + WARMED))
}

# Whatever was found out of the programs is forgotten: their sockets are trusted not to block.
trust() {
	bpftool -j map dump pinned "$LAB_BPF/node1/splice_programs" | jq -r '.[].key | join(" ")' | while read -r key; do
		# shellcheck disable=SC2086 # bytes
		bpftool map update pinned "$LAB_BPF/node1/splice_programs" key $key \
			value 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0
	done
}

# Sockets of which bytes were handed over, and which block then. That recv() may come back with nothing then is known.
stress_blocking_flip() {
	local i
	stress_up "-k 3 -t"
	for i in {1..5}; do
		SEED=$((SEED + 1))
		trust
		talks c1 -n 200 -c 200 -q -t "$(vip tcp4 60)"
		trust
		talks c1 -n 200 -c 200 -T "$(vip tcp4 60)"
	done
	# Soon their program is not trusted any more.
	counts_least 1 splice_admitted 200
	counts_least 1 splice_blocking 200
	counts_least 1 splice_redirect_msgs 200
	served a1 $((2000 + WARMED))
}

# Both directions are found to be worse off after eight messages: with bytes handed over that nobody has read yet, and
# more on their way, one end leaves as soon as it can.
stress_leave() {
	stress_up ""
	bpftool map update pinned "$LAB_BPF/node1/splicing" key 3 0 0 0 value 1 0 0 0 0 0 0 0
	talks_on short c1 -n 6000 "$(vip tcp4 60)"
	talks_on long c2 -n 3000 -L "$(vip tcp6 60)"
	talked long
	talked short
	talks c1 -n 300 -B "$(vip tcp4 60)"
	redirected 15 9100
	counts_least 1 splice_left 2000
	served a1 $((9300 + WARMED))
}

stress_small_buffers() {
	stress_up -r
	talks c1 -n 2000 -r -c 128 "$(vip tcp4 60)"
	redirected 35 1950
	counts_least 1 splice_limit 100
	served a1 $((2000 + WARMED))
}

# Connections that are older than the wish to splice them, or than weft, stay what they are.
stress_late() {
	serves_stress a1
	talks_on before c1 -n 200 -c 200 -L -T -g 150 "$(pod_ip4 a1)/7000"
	expose_odd web 60 "" a1
	agent_up 1
	await 1 web 1
	mark 1
	talks_on early c1 -n 200 -c 200 -L -T -g 100 "$(vip tcp4 60)"
	wait_for 5 has_established 400 || fail "not all are open"
	expose_odd web 60 "weft.dev/splice=on" a1
	wait_for 5 is_asked_for || fail "the annotation has not arrived"
	talking before
	talking early
	counts 1 splice_admitted 0
	talks c2 -n 2000 "$(vip tcp4 60)"
	counts_least 1 splice_admitted 1900
	between "$(counted 1 splice_admitted)" 1900 2000 "pairs"
	talked early
	talked before
	redirected 60 1900
	served a1 2400
}

# All of them together were as many as they are said to be.
stress_total() {
	local files connections
	files=$(wc -l 2>/dev/null <"$LAB/log/stressed" || echo 0)
	[ "$files" -ge "$1" ] || skip "only $files of $1 were run to their end"
	connections=$(awk '{ sum += $1 } END { print sum }' "$LAB/log/stressed")
	echo "$connections connections"
	[ "$connections" -ge 50000 ] || fail "only $connections connections"
}

has_established() { [ "$(ns_run a1 ss -tnH state established sport = :7000 | wc -l)" -ge "$1" ]; }
is_asked_for() { [ "$(weft 1 get splices -o json | jq length)" -gt 0 ]; }

# ---- the soak: the same for long ----

SOAK_ROUND=30000 # connections

# Where it can be seen while it goes on: the file descriptor whose number is in SOAK_PROGRESS.
soak_says() {
	echo "$*"
	[ -z "${SOAK_PROGRESS-}" ] || echo "$*" >&"$SOAK_PROGRESS"
}

soak_pair() {
	local name line
	for name in "$@"; do
		talked "$name" >"$LAB/tmp/told"
		while read -r line; do soak_says "$line"; done < <(grep '^slow' "$LAB/tmp/told")
	done
}

# Two kinds at a time.
soak_round() {
	talks_on one c1 -n 8000 "$(vip tcp4 60)"
	talks_on two c2 -n 6000 "$(vip tcp6 60)"
	soak_pair one two
	talks_on one c1 -n 6000 -m "$(vip tcp4 60)"
	talks_on two c2 -n 4000 "$(vip tcp4 61)"
	soak_pair one two
	talks_on one c1 -n 3000 -f "$(vip tcp4 61)"
	talks_on two c2 -n 2800 -r "$(vip tcp4 60)"
	soak_pair one two
	talks_on one c1 -n 100 -B "$(vip tcp4 60)"
	talks_on two c2 -n 100 -B -T "$(vip tcp6 60)"
	soak_pair one two
}

# Every second round on all processors, every third with the switch turned all the time.
soak_rounds() {
	local wanted=$1 had=0 flipping
	SOAK_ROUNDS=0
	while [ "$had" -lt "$wanted" ]; do
		SEED=$((SEED + 1)) SOAK_ROUNDS=$((SOAK_ROUNDS + 1))
		rps $((SOAK_ROUNDS % 2 * 3)) node1 c1 c2 a1 a2
		flipping=
		if [ $((SOAK_ROUNDS % 3)) = 0 ]; then
			rm -f "$LAB/tmp/stop"
			again_until "$LAB/tmp/stop" 0.05 flip_switch >"$LAB/tmp/flip" 2>&1 &
			flipping=$!
		fi
		soak_round
		touch "$LAB/tmp/stop"
		[ -z "$flipping" ] || wait "$flipping"
		had=$((SOAK_ROUNDS * SOAK_ROUND))
		soak_says "$had of $wanted connections, $SECONDS s, $(counted 1 splice_admitted) pairs, $(counted 1 splice_redirect_msgs)" \
			"messages redirected, $(counted 1 splice_pass_msgs) passed"
	done
}

stress_soak() {
	local first
	trap 'fast_open 1; rps 0 node1 c1 c2 a1 a2' EXIT
	fast_open 3
	stress_up ""
	first=$SERVING
	cp "$STRESS" "$LAB/tmp/other"
	STRESS=$LAB/tmp/other serves_stress a2 -d -f
	expose_odd other 61 "weft.dev/splice=on" a2
	await 1 other 1
	talks c1 -n 1 "$(vip tcp4 61)"
	mark 1
	soak_rounds "$1"
	redirected 45 $((SOAK_ROUNDS * 22000))
	served a2 $((SOAK_ROUNDS * 7000 + 1))
	SERVING=$first
	served a1 $((SOAK_ROUNDS * 23000 + WARMED))
}

for kind in tcp4 tcp6 tcpm; do test_add "splice/stress-many-$kind" stress_many "$kind" 20000 60; done
test_add splice/stress-big stress_big
test_add splice/stress-rps stress_rps
test_add splice/stress-defer-accept stress_defer_accept
test_add splice/stress-fastopen stress_fastopen
test_add splice/stress-toggle stress_toggle
test_add splice/stress-agent-killed stress_agent_killed
test_add splice/stress-unload stress_unload
test_add splice/stress-same-pod stress_same_pod
test_add splice/stress-blocking-mix stress_blocking_mix
test_add splice/stress-blocking-flip stress_blocking_flip
test_add splice/stress-leave stress_leave
test_add splice/stress-small-buffers stress_small_buffers
test_add splice/stress-late stress_late
# Each server counts: there are two in one of them.
test_add splice/stress-total stress_total 16
[ -z "${SOAK_CONNECTIONS-}" ] || test_add soak/splice stress_soak "$SOAK_CONNECTIONS"
