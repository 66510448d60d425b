#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What weft explain says of a connect, held against what becomes of real ones.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

CONNECTS=2000

# explain STATUS CLIENT SERVICE:PORT...: the answer is in SAID
explain() {
	local status=$1
	shift
	refuses "$status" weft 1 explain "$@" -o json
}

said() { jq -rc "$1" <<<"$SAID"; }

# The names of pods by their addresses, as one object.
pod_names() {
	local pod
	for pod in a1 a2 b1 b2 c1 c2; do printf '%s %s\n%s %s\n' "$(pod_ip4 "$pod")" "$pod" "$(pod_ip6 "$pod")" "$pod"; done |
		jq -Rn '[inputs | split(" ") | {key: .[0], value: .[1]}] | from_entries'
}

# Its shares by name of pod: {"a1":0.5,...}
shares() { jq -c --argjson names "$(pod_names)" '[.endpoints[] | {key: $names[.address], value: .share}] | from_entries' <<<"$SAID"; }

# are SHARES [SLACK]: SAID has these, to within rounding.
are() {
	jq -en --argjson said "$(shares)" --argjson wanted "$1" --argjson slack "${2:-0.000001}" '
		($said | keys) == ($wanted | keys) and
			([$said | to_entries[] | .value - $wanted[.key] | fabs] | max) <= $slack' >/dev/null ||
		fail "said $(shares), wanted $1"
}

# What speaks against each pod, "-" for nothing: "a1 - b1 ejected"
outs() { jq -r --argjson names "$(pod_names)" '[.endpoints[] | "\($names[.address]) \(.out // "-")"] | sort | join(" ")' <<<"$SAID"; }

# Connects that each pod was sent so far, as the kernel counted them: started SERVICE
started() {
	weft 1 get endpoints -o json | jq -c --arg name "$1" --argjson names "$(pod_names)" \
		'[.[] | select(.service == $name and .service_port == 80)] | group_by($names[.address]) |
			map({key: $names[.[0].address], value: (map(.started) | add)}) | from_entries'
}

# as_said GOT [SLACK]: {"a1":1000,...} is within 5 standard deviations of what SAID says, or within SLACK; what it
# calls impossible never happens, and what it calls certain always does.
as_said() {
	local got=$1 slack=${2:--1}
	jq -en --argjson count "$CONNECTS" --argjson got "$got" --argjson said "$(shares)" --argjson slack "$slack" '
		($got | add) as $n | $n == $count and ($got + $said | keys | all(. as $name |
			($said[$name] // 0) as $p | (($got[$name] // 0) - $n * $p | fabs) as $off |
			$off <= (if $slack >= 0 then $slack else 5 * ($n * $p * (1 - $p) | sqrt) end + 1e-6)))' >/dev/null ||
		fail "said $(shares), got $got"
	echo "said $(shares), got $got"
}

# explain and CONNECTS real ones that ask who answers: holds KIND CLIENT-POD NUMBER [SLACK]
holds() {
	local kind=$1 pod=$2 number=$3 report
	explain 0 "$(pod_ip "$kind" "$pod")" "$(explained_vip "$kind" "$number")"
	report=$(load "$pod" -c "$CONNECTS" "$kind" "$(vip "$kind" "$number")")
	clean "$report" "$CONNECTS"
	as_said "$(field "$report" '.by_name | tojson')" "${4--1}"
}

explained_vip() {
	local protocol=tcp
	[[ $1 != udp* ]] || protocol=udp
	case $1 in
	*6) echo "[$(vip6 "$2")]:80/$protocol" ;;
	*m) echo "[::ffff:$(vip4 "$2")]:80/$protocol" ;;
	*) echo "$(vip4 "$2"):80/$protocol" ;;
	esac
}

# The same by the kernel's count of connects begun, for those that fail and for those that must not be measured.
holds_by_count() {
	local service=$1 number=$2 before after
	explain 0 "$(pod_ip4 c1)" "live/$service:80"
	before=$(started "$service")
	load c1 -q -c "$CONNECTS" tcp4 "$(vip4 "$number")/80"
	after=$(started "$service")
	as_said "$(jq -cn --argjson a "$before" --argjson b "$after" '$b | with_entries(.value -= ($a[.key] // 0))')"
}

# ---- by weight and in turn ----

explain_random() {
	expose web 200 "" a1 a2 b1 b2
	put_service heavy 201 "$PORTS_BOTH"
	put_weighted heavy@1 1 a1
	put_weighted heavy@3 3 a2 b1
	put_weighted heavy@10 10 b2
	put_service none 202 "$PORTS_BOTH"
	put_weighted none@0 0 a1
	put_weighted none@1 1 a2 b1
	agent_up 1
	holds tcp4 c1 200
	are '{"a1":0.25,"a2":0.25,"b1":0.25,"b2":0.25}'
	holds tcp6 c1 200
	holds tcpm c1 200
	holds udp4 c1 200
	holds udp6 c2 200
	# Each new socket that sends without connect() has a choice as well.
	as_said "$(load c1 -u -c "$CONNECTS" udp4 "$(vip4 200)/80" | jq -c .by_name)"
	holds tcp4 c1 201
	are '{"a1":0.058824,"a2":0.176471,"b1":0.176471,"b2":0.588235}'
	holds tcp4 c2 202
	is "$(outs)" "a1 weight a2 - b1 -"
}

explain_turns() {
	local next
	expose turn 205 "lb=round_robin" a1 a2 b1 b2
	put_service turns 206 "$PORTS_BOTH" lb=round_robin
	put_weighted turns@1 1 a1
	put_weighted turns@3 3 b1
	agent_up 1
	# To within one turn, and the next one is certain.
	holds tcp4 c1 205 1
	is "$(said '[.endpoints[].probability * 4] | sort')" "[0,0,0,4]"
	matches "$(outs)" "- .*algorithm.*algorithm.*algorithm|algorithm.*-"
	load c1 -c 3 tcp4 "$(vip4 205)/80" >/dev/null
	explain 0 "$(pod_ip4 c1)" live/turn:80
	next=$(jq -r --argjson names "$(pod_names)" '.endpoints[] | select(.probability == 1) | $names[.address]' <<<"$SAID")
	is "$(names "$(load c1 -c 1 tcp4 "$(vip4 205)/80")")" "$next" "whose turn it is"
	holds tcp4 c1 206 2
	are '{"a1":0.25,"b1":0.75}'
	# A turn of one that is out is passed over.
	weft 1 drain "$(pod_ip4 a1):8080" >/dev/null
	holds tcp4 c1 205 2
	are '{"a1":0,"a2":0.333333,"b1":0.333333,"b2":0.333333}'
}

# ---- who is out ----

# c2 has no server; one failure ejects.
explain_ejected() {
	local often="weft.dev/consecutive-failures=1"
	expose web 210 "$often" a1 b1 c2
	expose all 211 "$often weft.dev/max-ejection-percent=100" c1 c2
	put_service turn 212 "$PORTS_BOTH" lb=least_conn weft.dev/consecutive-failures=1
	put_pods turn a1 b1 c2
	agent_plain 1
	explain 0 "$(pod_ip4 c1)" live/web:80
	is "$(said '.health | "\(.listed) \(.available) \(.failed_connects_are_moved)"')" "3 3 false" "before"
	load c1 -c 30 tcp4 "$(vip4 210)/80" >/dev/null 2>&1
	holds tcp4 c1 210
	is "$(outs)" "a1 - b1 - c2 ejected"
	matches "$(said '.endpoints[] | select(.out == "ejected") | .why')" "^ejected until 20.*, the last failure: refused$"
	# The same endpoint, by another algorithm.
	holds tcp4 c1 212
	is "$(outs)" "a1 - b1 - c2 ejected"
	load c1 -c 30 tcp4 "$(vip4 211)/80" >/dev/null 2>&1
	holds_by_count all 211
	is "$(said '.health.panic')" true
	are '{"c1":0.5,"c2":0.5}'
	is "$(said '[.endpoints[].why] | unique | join(" ")')" "ejected, and used in panic"
}

# Ejected for more than half: panic, in which the dead ones take part; by two choices, too.
explain_panic() {
	local options="weft.dev/consecutive-failures=1 weft.dev/max-ejection-percent=100"
	expose web 213 "$options" a1 c1 c2
	expose two 214 "$options lb=least_conn" a1 c1 c2
	agent_plain 1
	load c1 -c 30 tcp4 "$(vip4 213)/80" >/dev/null 2>&1
	holds_by_count web 213
	is "$(said '.health | "\(.panic) \(.available)"')" "true 1"
	holds_by_count two 214
}

# Its time is over: one connect is the probe, and no other.
explain_probing() {
	local before after
	expose web 215 "weft.dev/consecutive-failures=1 weft.dev/base-ejection-time=2s" a1 b1 c2
	agent_plain 1
	load c1 -c 30 tcp4 "$(vip4 215)/80" >/dev/null 2>&1
	sleep 2.1
	explain 0 "$(pod_ip4 c1)" live/web:80
	is "$(said '[.endpoints[].probability * 3 | round]')" "[1,1,1]" "of the next connect"
	# Where five draws find the one that is out, its neighbour in the list has the connect.
	are '{"a1":0.5,"b1":0.5,"c2":0}' 0.001
	# Nothing was changed by asking, not even the probe is taken.
	explain 0 "$(pod_ip4 c1)" live/web:80
	is "$(said '[.endpoints[].probability * 3 | round]')" "[1,1,1]" "when asked again"
	before=$(started web)
	load c1 -q -c "$CONNECTS" tcp4 "$(vip4 215)/80" >/dev/null 2>&1
	after=$(started web)
	is "$(jq -n --argjson a "$before" --argjson b "$after" '$b.c2 - $a.c2')" 1 "probing connections"
	explain 0 "$(pod_ip4 c1)" live/web:80
	is "$(outs)" "a1 - b1 - c2 ejected"
}

explain_drained() {
	expose web 220 "" a1 a2,terminating b1
	expose two 221 "lb=least_conn" a1 a2 b1 b2
	expose rest 222 "" a1,terminating b1,notready
	agent_up 1
	holds tcp4 c1 220
	is "$(outs)" "a1 - a2 terminating b1 -"
	# On their way out, and still better than nothing.
	holds tcp4 c1 222
	is "$(outs)" "a1 - b1 not_ready"
	weft 1 drain "$(pod_ip4 a1):8080" >/dev/null
	holds tcp4 c1 220
	is "$(outs)" "a1 drained a2 terminating b1 -"
	holds tcp4 c1 221
	is "$(outs)" "a1 drained a2 - b1 - b2 -"
	for pod in a2 b1 b2; do weft 1 drain "$(pod_ip4 "$pod"):8080" >/dev/null; done
	holds tcp4 c1 221
	is "$(said '.health.drained_used') $(outs)" "true a1 - a2 - b1 - b2 -"
}

# Five of six draws, and then five more, find nobody: a walk along the list does.
explain_walk() {
	expose web 223 "" a1 a2 b1 b2 c2 c1
	expose turn 224 "lb=round_robin" a1 a2 b1 b2 c2 c1
	agent_up 1
	for pod in a2 b1 b2 c1 c2; do weft 1 drain "$(pod_ip4 "$pod"):8080" >/dev/null; done
	holds tcp4 c1 223
	is "$(outs)" "a1 - a2 drained b1 drained b2 drained c1 drained c2 drained"
	holds tcp4 c1 224
}

# ---- affinity ----

explain_affinity() {
	local report name
	expose web 230 "affinity=60" a1 a2 b1 b2
	expose soon 231 "affinity=1" a1 a2
	agent_up 1
	explain 0 "$(pod_ip4 c1)" live/web:80
	is "$(said .affinity.state)" new
	are '{"a1":0.25,"a2":0.25,"b1":0.25,"b2":0.25}'
	name=$(names "$(load c1 -c 1 tcp4 "$(vip4 230)/80")")
	holds tcp4 c1 230
	is "$(said '.affinity.state, .affinity.seconds' | paste -sd' ')" "kept 60"
	is "$(jq -r --arg name "$name" '.[$name] * 2' <<<"$(shares)")" 2 "twice the share of $name"
	matches "$(said .affinity.until)" '^20[0-9-]+T[0-9:.]+Z$'
	# Another client has no row.
	explain 0 "$(pod_ip4 c2)" live/web:80
	is "$(said .affinity.state)" new "of c2"
	load c1 -c 1 tcp4 "$(vip4 231)/80" >/dev/null
	sleep 1.1
	explain 0 "$(pod_ip4 c1)" live/soon:80
	is "$(said .affinity.state)" expired
	are '{"a1":0.5,"a2":0.5}'
	explain 0 "$(pod_ip4 c1)" live/soon:80
	is "$(said .affinity.state)" expired "when asked again"
	holds_after_one 231
	# The endpoint goes; the client is sent elsewhere, and stays there.
	weft 1 drain "$(jq -r --argjson names "$(pod_names)" --arg name "$name" '$names | to_entries[] | select(.value == $name) | .key' <<<null | head -n 1):8080" >/dev/null
	explain 0 "$(pod_ip4 c1)" live/web:80
	is "$(said .affinity.state) $(said '[.endpoints[] | .share | . * 3 | round] | sort')" "moved [0,1,1,1]"
	holds_after_one 230
}

# After one connect, the others go where that went.
holds_after_one() {
	load c1 -c 1 tcp4 "$(vip4 "$1")/80" >/dev/null
	holds tcp4 c1 "$1"
	is "$(said .affinity.state)" kept
}

# ---- by load ----

# Connections that stay, to one pod each: an endpoint in two services is one busy thing.
hold_at() {
	local pod=$1 count=$2 number=$3
	expose_odd "only-$pod" "$number" "" "$pod"
	await 1 "only-$pod" 1
	hold c2 "held-$pod" "$count" "$(vip4 "$number")/80"
}

explain_least_conn() {
	local pod
	expose_odd web 240 "lb=least_conn" a1 a2 b1 b2
	put_service heavy 241 "$ODD_PORTS" lb=least_conn
	pods_yaml heavy@1 "$ODD_PORTS" 1 a1 a2 | put pods-heavy@1.yaml
	pods_yaml heavy@4 "$ODD_PORTS" 4 b1 | put pods-heavy@4.yaml
	for pod in a1 a2 b1 b2; do odd "$pod"; done
	agent_up 1
	holds_by_count web 240
	are '{"a1":0.25,"a2":0.25,"b1":0.25,"b2":0.25}'
	holds_by_count heavy 241
	hold_at a1 3 242
	hold_at a2 1 243
	hold_at b1 6 244
	holds_by_count web 240
	is "$(said '[.endpoints[].cost * 2] | sort')" "[0,2,6,12]"
	matches "$(outs)" "b1 algorithm"
	are '{"a1":0.166667,"a2":0.333333,"b1":0,"b2":0.5}'
	# Six of weight four are as good as one and a half.
	holds_by_count heavy 241
}

explain_ewma() {
	local pod
	expose_odd web 245 "lb=ewma weft.dev/ewma-decay=10m" a1 a2 b1
	odd a1
	# Far apart, so that a machine that is busy makes no difference.
	odd a2 -d 40
	odd b1 -d 200
	agent_up 1
	wait_for 10 all_measured || fail "not all have answered: $(weft 1 get endpoints -o wide)"
	holds_by_count web 245
	is "$(outs)" "a1 - a2 - b1 algorithm"
	are '{"a1":0.666667,"a2":0.333333,"b1":0}'
}

all_measured() {
	# Some at a time, so that the slow ones are taken as well.
	exchanges c1 -t 8 -n 4 "$(vip4 245)/80" >/dev/null
	[ "$(weft 1 get endpoints live/web -o json | jq 'map(select(.address | contains(":") | not)) | all(.response_us != null)')" = true ]
}

# ---- where endpoints are ----

explain_local() {
	expose here 250 local a1 b1
	expose there 251 local b1 b2
	expose hinted 252 "" a1 b1
	pods_yaml hinted "$PORTS_BOTH" "" a1 b1 |
		sed 's/^  nodeName: node\(.\)/&\n  zone: zone-\1\n  hints: {forZones: [{name: zone-\1}]}/' | put pods-hinted.yaml
	put node.yaml <<-END
		apiVersion: v1
		kind: Node
		metadata: {name: node1, labels: {topology.kubernetes.io/zone: zone-1}}
	END
	agent_up 1
	holds tcp4 c1 250
	is "$(outs)" "a1 - b1 elsewhere"
	holds tcp4 c1 252
	is "$(outs)" "a1 - b1 elsewhere"
	explain 1 "$(pod_ip4 c1)" live/there:80
	is "$(said '"\(.reachable) \(.verdict)"')" "false refuse"
	matches "$(said '.steps[-1].text')" "internalTrafficPolicy: Local forbids the endpoints of other nodes"
	never_connects 251
}

# All CONNECTS are refused.
never_connects() {
	is "$(load c1 -c "$CONNECTS" tcp4 "$(vip4 "$1")/80" 2>/dev/null | jq -c .errors)" "{\"ECONNREFUSED\":$CONNECTS}"
}

explain_empty() {
	expose empty 255 ""
	expose gone 256 "" a1,notready
	agent_up 1
	explain 1 "$(pod_ip4 c1)" live/empty:80
	is "$(said '"\(.reachable) \(.verdict) \(.endpoints | length)"')" "false refuse 0"
	never_connects 255
	explain 1 "$(pod_ip4 c1)" live/gone:80
	is "$(said .verdict) $(outs)" "refuse a1 not_ready"
	never_connects 256
}

# What is no service is left alone: an endpoint's own address answers, another does not.
explain_unknown() {
	local report
	expose web 257 "" a1 a2
	agent_up 1
	mark 1
	explain 1 "$(pod_ip4 c1)" "$(pod_ip4 a1):8080"
	is "$(said '"\(.reachable) \(.verdict) \(.dialled.is_endpoint) \(.service)"')" "false direct true null"
	report=$(load c1 -c "$CONNECTS" tcp4 "$(pod_ip4 a1)/8080")
	clean "$report" "$CONNECTS"
	is "$(names "$report")" a1
	explain 1 "$(pod_ip4 c1)" "$(vip4 258):80"
	is "$(said '"\(.verdict) \(.dialled.is_endpoint)"')" "direct false"
	matches "$(said '.steps[-1].text')" "goes to $(vip4 258):80 itself"
	counts 1 connect_balanced 0
	refuses 1 weft 1 explain "$(pod_ip4 c1)" live/nobody:80
	matches "$SAID" "there is no service live/nobody on this node; 'weft get services' lists them"
	refuses 1 weft 1 explain "$(pod_ip4 c1)" live/web:81
	matches "$SAID" "service live/web has no port 81; it has 80/TCP, 80/UDP"
}

# ---- who asks ----

# A client by its process, by its pod, by an address; and one that weft leaves alone.
explain_clients() {
	local name pod_cgroup uid=0a1b2c3d-1111-2222-3333-444455556666
	expose web 260 "affinity=60" a1 a2 b1 b2
	agent_up 1
	load c1 -c 1 tcp4 "$(vip4 260)/80" >/dev/null
	pod_start c1 "$LAB/tmp/sleeper" sleep 60
	wait_for 5 is_in c1 "$STARTED" || fail "it is not where it should be"
	explain 0 "$STARTED" live/web:80
	is "$(said .health.failed_connects_are_moved)" true
	is "$(said .affinity.state) $(said .client.processes_balanced)" "kept 1" "by process"
	explain 0 "$(pod_ip6 c1)" live/web:80
	is "$(said .affinity.state) $(said .client.processes_balanced) $(said .dialled.address)" "new 1 $(vip6 260)" "a service of the client's family"
	explain 0 "$(pod_ip6 c1)" "$(vip4 260):80"
	is "$(said .affinity.state)" kept "by an address"
	# By what the kubelet leaves behind; the oldest pod of that name is gone.
	mkdir -p "$LAB/tmp/pods/live_c1_77777777-1111-2222-3333-444455556666" "$LAB/tmp/pods/live_c1_$uid"
	refuses 2 weft 1 explain live/c1 live/web:80 --pods "$LAB/tmp/pods"
	matches "$SAID" "no process of pod live/c1 runs on this node"
	for pod_cgroup in "pod$uid" "kubepods-burstable-pod${uid//-/_}.slice"; do
		pod_cgroup=$(pod_cgroup c1)/$pod_cgroup
		mkdir -p "$pod_cgroup/container"
		echo "$STARTED" >"$pod_cgroup/container/cgroup.procs"
		explain 0 live/c1 live/web:80 --pods "$LAB/tmp/pods"
		is "$(said .affinity.state)" kept "by pod"
		echo "$STARTED" >"$(pod_cgroup c1)/cgroup.procs"
		rmdir "$pod_cgroup/container" "$pod_cgroup"
	done
	refuses 2 weft 1 explain live/c live/web:80 --pods "$LAB/tmp/pods"
	matches "$SAID" "no pod live/c is on this node"
	end "$STARTED"
}

is_in() { [ "$(readlink "/proc/$2/ns/net")" = "net:[$(stat -Lc %i "$(ns_path "$1")")]" ]; }

# On the node itself: what runs in the pods' cgroup is balanced, what does not is left alone.
explain_node() {
	local report
	expose web 261 "" a1 a2
	agent_up 1
	in_cgroup "$(pod_cgroup c1)" node1 sleep 60 >"$LAB/tmp/in" 2>&1 </dev/null &
	wait_for 5 is_in node1 "$!" || fail "it is not where it should be"
	explain 0 "$!" live/web:80
	report=$(in_cgroup "$(pod_cgroup c1)" node1 "$NET" load -c "$CONNECTS" tcp4 "$(vip4 261)/80")
	clean "$report" "$CONNECTS"
	as_said "$(field "$report" '.by_name | tojson')"
	end "$!"
	in_cgroup "$LAB_CGROUP/agents" node1 sleep 60 >"$LAB/tmp/out" 2>&1 </dev/null &
	wait_for 5 is_in node1 "$!" || fail "it is not where it should be"
	explain 1 "$!" live/web:80
	is "$(said '"\(.reachable) \(.verdict)"')" "false outside"
	mark 1
	refuses 0 in_agents "$NET" "do" tcp4 "connect=$(vip4 261)/80"
	[[ $SAID != "connect ok" ]] || fail "it connected"
	counts 1 connect_balanced 0
	end "$!"
}

in_agents() { (in_cgroup "$LAB_CGROUP/agents" node1 "$@"); }

# ---- words ----

explain_text() {
	local text
	expose web 265 "lb=least_conn affinity=60" a1 a2
	agent_up 1
	text=$(weft 1 explain "$(pod_ip4 c1)" live/web:80)
	matches "$text" "client +network namespace [0-9]+, which affinity knows as [0-9]+"
	matches "$text" "service +live/web at $(vip4 265):80/TCP \(id [0-9]+\): 2 of 2 endpoints take new connections"
	matches "$text" "affinity +60 s after its last connect: the client has not been here"
	matches "$text" "algorithm +least_conn: "
	matches "$text" "answer +reachable: the next connect goes to one of 2 endpoints"
	matches "$text" "ENDPOINT +NODE +STATE +WEIGHT +CONNECTIONS +COST +NEXT +OF MANY +WHY"
	matches "$text" "$(pod_ip4 a1):8080 +node1 +active +1 +0 +0.00 +50.0 % +50.0 % +-"
	[[ ! $(weft 1 explain "$(pod_ip4 c1)" live/web:80 --no-headers) =~ ENDPOINT ]] || fail "headings in spite of --no-headers"
	matches "$(weft 1 explain "$(pod_ip4 c1)" live/web:80 -o wide)" "ZONE"
	matches "$(weft 1 explain "$(pod_ip4 c1)" live/web:80 -o yaml)" 'reachable: true'
	matches "$(weft 1 explain "$(pod_ip4 c1)" live/web:80/udp)" "stays with its endpoint while that serves"
}

# Not one row of any map is another after it was asked in all ways there are.
explain_reads_only() {
	local before words
	expose web 267 "affinity=60" a1 a2
	expose turn 268 "lb=round_robin" a1 a2
	expose_odd two 269 "lb=ewma" a1 a2
	agent_up 1
	load c2 -c 10 tcp4 "$(vip4 267)/80" >/dev/null
	weft 1 drain "$(pod_ip4 a1):8080" >/dev/null
	before=$(all_rows)
	for words in "c1 web:80" "c2 web:80" "c1 turn:80" "c1 turn:80/udp" "c1 two:80"; do
		explain 0 "$(pod_ip4 "${words% *}")" "live/${words#* }"
	done
	[ "$(all_rows)" = "$before" ] || fail "rows have changed: $(diff <(echo "$before") <(all_rows))"
	# As a connect does.
	load c1 -c 1 tcp4 "$(vip4 267)/80" >/dev/null
	[ "$(all_rows)" != "$before" ] || fail "changes are not noticed"
}

# The ring of events has no rows.
all_rows() {
	local map
	for map in "$LAB_BPF"/node1/*; do
		[ ! -d "$map" ] || continue
		[ "${map##*/}" != events ] || continue
		echo "${map##*/}"
		bpftool -j map dump pinned "$map" 2>/dev/null || true
	done
}

explain_misuse() {
	local words
	refuses 1 weft 1 explain 10.0.0.1 live/web:80
	matches "$SAID" "not loaded"
	expose web 266 "" a1
	agent_up 1
	while read -r words; do
		# shellcheck disable=SC2086 # words
		refuses 2 weft 1 explain $words
		[ -n "$SAID" ] || fail "'weft explain $words' is refused without a word"
	done <<-END

		1
		0 live/web:80
		nobody live/web:80
		1 live/web
		1 live/web:0
		1 live/web:65536
		1 live/web:80/sctp
		1 web:80
		1 a/b/c:80
		1 fd00::1
		1 [fd00::1:80
		1 live/web:80 more
		999999999 live/web:80
	END
	refuses 2 weft 1 explain 192.0.2.1 live/web:80
	matches "$SAID" "no network namespace of this node has the address 192.0.2.1"
	refuses 2 weft 1 explain 127.0.0.1 live/web:80
	matches "$SAID" "several network namespaces have the address 127.0.0.1; give the id of a process"
	refuses 2 weft 1 explain live/c1 live/web:80 --pods "$LAB/nowhere"
	matches "$SAID" "give an address of the pod or the id of a process"
}

test_add explain/random explain_random
test_add explain/round-robin explain_turns
test_add explain/ejected explain_ejected
test_add explain/panic explain_panic
test_add explain/probing explain_probing
test_add explain/drained explain_drained
test_add explain/walk explain_walk
test_add explain/affinity explain_affinity
test_add explain/least-conn explain_least_conn
test_add explain/ewma explain_ewma
test_add explain/local explain_local
test_add explain/empty explain_empty
test_add explain/unknown explain_unknown
test_add explain/clients explain_clients
test_add explain/node explain_node
test_add explain/text explain_text
test_add explain/reads-only explain_reads_only
test_add explain/misuse explain_misuse
