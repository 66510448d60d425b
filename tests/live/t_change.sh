#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Services and endpoints that come, go and change while connects run.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

change_added() {
	local kind=$1 report
	expose web 40 "" a1
	agent_up 1
	load_start c1 all -a a1,b1 "$kind" "$(vip "$kind" 40)"
	report=$(load c1 -c 50 "$kind" "$(vip "$kind" 40)")
	is "$(names "$report")" a1
	put_pods web a1 b1
	await 1 web 2
	report=$(load c1 -c 200 "$kind" "$(vip "$kind" 40)")
	clean "$report" 200
	is "$(names "$report")" "a1 b1"
	report=$(load_end all)
	clean "$report" 200
	is "$(names "$report")" "a1 b1"
}

# Once the kernel has the new list, no connect goes to what was removed.
change_removed() {
	local kind=$1 report
	expose web 40 "" a1 b1
	agent_up 1
	load_start c1 all -a a1,b1 "$kind" "$(vip "$kind" 40)"
	sleep 0.2
	put_pods web b1
	await 1 web 1
	report=$(load c1 -c 500 -a b1 "$kind" "$(vip "$kind" 40)")
	clean "$report" 500
	clean "$(load_end all)" 500
	is "$(weft 1 get endpoints -o json | jq -r 'map(.address) | unique | join(" ")')" \
		"$(pod_ip4 b1) $(pod_ip6 b1)" "endpoints shown"
}

# A terminating endpoint takes no new connections while there are others, keeps its old one, and is better
# than none.
change_terminating() {
	local kind=$1 report
	expose web 40 "" a1
	agent_up 1
	talk c1 "$kind" "connect=$(vip "$kind" 40)" pause peer ask
	heard "connect ok"
	heard pause
	put_pods web a1,terminating b1
	wait_for 5 shows_state a1 terminating || fail "a1 is not shown as terminating"
	report=$(load c1 -c 100 "$kind" "$(vip "$kind" 40)")
	clean "$report" 100
	is "$(names "$report")" b1
	go_on
	heard "peer $(seen "$kind" "$(vip "$kind" 40)")"
	heard "ask a1"
	put_pods web a1,terminating b1,notready
	wait_for 5 shows_state b1 not_ready || fail "b1 is not shown as not ready"
	report=$(load c1 -c 100 "$kind" "$(vip "$kind" 40)")
	clean "$report" 100
	is "$(names "$report")" a1
	put_pods web a1,gone b1,notready
	await 1 web 0
	is "$(does c1 "$kind" "connect=$(vip "$kind" 40)")" "connect ECONNREFUSED"
}

shows_state() {
	weft 1 get endpoints -o json | jq -e --arg a "$(pod_ip4 "$1")" --arg state "$2" \
		'map(select(.address == $a)) | length > 0 and all(.state | gsub("[ -]"; "_") == $state)' >/dev/null
}

change_empties_and_fills() {
	local kind=$1
	expose web 40 "" a1
	agent_up 1
	is "$(does c1 "$kind" "connect=$(vip "$kind" 40)" ask)" "connect ok; ask a1"
	put_pods web
	await 1 web 0
	mark 1
	is "$(does c1 "$kind" "connect=$(vip "$kind" 40)")" "connect ECONNREFUSED"
	counts 1 refused_empty 1
	put_pods web b1
	await 1 web 1
	is "$(does c1 "$kind" "connect=$(vip "$kind" 40)" ask)" "connect ok; ask b1"
}

change_service_deleted() {
	expose web 40 "" a1
	expose stays 41 "" b1
	agent_up 1
	drop service-web.yaml
	wait_for 5 lacks_service web || fail "the service is still there"
	mark 1
	does c1 tcp4 nonblock "connect=$(vip4 40)/80" >/dev/null
	counts 1 connect_other 1
	is "$(does c1 tcp4 "connect=$(vip4 41)/80" ask)" "connect ok; ask b1"
	# The slices were there all the time.
	put_service web 42 "$PORTS_BOTH"
	await 1 web 1
	is "$(does c1 tcp4 "connect=$(vip4 42)/80" ask)" "connect ok; ask a1"
}

lacks_service() {
	weft "${2-1}" get services -o json | jq -e --arg name "$1" 'all(.name != $name)' >/dev/null
}

# Each node's clients stay on their node, or are refused.
change_local_policy() {
	local report
	expose web 40 local a1 b1
	agent_up 1
	agent_up 2
	report=$(load c1 -c 100 tcp4 "$(vip4 40)/80")
	clean "$report" 100
	is "$(names "$report")" a1
	put_pods web b1
	await 1 web 0
	mark 1
	is "$(does c1 tcp4 "connect=$(vip4 40)/80")" "connect ECONNREFUSED"
	is "$(does c1 udp6 "send=$(vip6 40)/80")" "send ECONNREFUSED"
	counts 1 refused_no_local 2
	counts 1 refused_empty 0
	is "$(does b2 tcp4 "connect=$(vip4 40)/80" ask)" "connect ok; ask b1"
}

change_publish_not_ready() {
	expose web 40 "" a1,notready
	expose early 41 publish a1,notready
	agent_up 1
	is "$(does c1 tcp4 "connect=$(vip4 40)/80")" "connect ECONNREFUSED"
	is "$(does c1 tcp4 "connect=$(vip4 41)/80" ask)" "connect ok; ask a1"
}

# A pod that takes over the address of another is another endpoint.
change_address_reused() {
	local before after
	put_service web 40 "$PORTS_BOTH"
	slice_yaml web web IPv4 "$PORTS_BOTH" "" "$(pod_ip4 a1),ready,node1,uid-first" | put pods-web.yaml
	agent_up 1
	before=$(endpoint_ids)
	slice_yaml web web IPv4 "$PORTS_BOTH" "" "$(pod_ip4 a1),ready,node1,uid-second" | put pods-web.yaml
	wait_for 5 other_ids "$before" || fail "the endpoint is still the one of the first pod"
	after=$(endpoint_ids)
	[ "$(jq -n --argjson a "$before" --argjson b "$after" '($a | max) < ($b | min)')" = true ] ||
		fail "ids do not count up: $before, then $after"
	is "$(does c1 tcp4 "connect=$(vip4 40)/80" ask)" "connect ok; ask a1"
}

endpoint_ids() { bpftool -j map dump pinned "$LAB_BPF/node1/endpoints" | jq -c '[.[].formatted.key] | sort'; }
other_ids() {
	jq -e -n --argjson a "$1" --argjson b "$(endpoint_ids)" '$b != [] and ($a - $b) == $a' >/dev/null
}

# The same service under another address: the old one is let go, the new one answers.
change_service_address() {
	expose web 40 "" a1
	agent_up 1
	is "$(does c1 tcp4 "connect=$(vip4 40)/80" ask)" "connect ok; ask a1"
	put_service web 43 "$PORTS_BOTH"
	wait_for 5 shows_address "$(vip4 43)" || fail "the new address never came: $(weft 1 get services)"
	is "$(does c1 tcp4 "connect=$(vip4 43)/80" ask)" "connect ok; ask a1"
	mark 1
	does c1 tcp4 nonblock "connect=$(vip4 40)/80" >/dev/null
	counts 1 connect_other 1
}

shows_address() { weft 1 get services -o json | jq -e --arg a "$1" 'any(.address == $a)' >/dev/null; }

# Two services that claim one address and port: the first keeps it, the log says so, and it passes on in time.
change_address_claimed_twice() {
	expose first 40 "" a1
	agent_up 1
	expose second 40 "" b1
	wait_for 5 file_has "$(agent_log 1)" 'second.*belong to live/first' || fail "no word of it: $(<"$(agent_log 1)")"
	is "$(does c1 tcp4 "connect=$(vip4 40)/80" ask)" "connect ok; ask a1"
	drop service-first.yaml
	wait_for 5 second_answers || fail "the address never passed on: $(weft 1 get services)"
}

second_answers() { [ "$(does c1 tcp4 "connect=$(vip4 40)/80" ask)" = "connect ok; ask b1" ]; }

# A slice of one family only: the other is refused, not sent astray.
change_one_family() {
	put_service web 40 "$PORTS_BOTH"
	slice_yaml web web IPv4 "$PORTS_BOTH" "" "$(pod_ip4 a1)" | put pods-web.yaml
	agent_up 1
	is "$(does c1 tcp4 "connect=$(vip4 40)/80" ask)" "connect ok; ask a1"
	is "$(does c1 tcp6 "connect=$(vip6 40)/80")" "connect ECONNREFUSED"
	is "$(does c1 udp6 "send=$(vip6 40)/80")" "send ECONNREFUSED"
}

# Hints keep traffic in the zone of the node, as its Node object tells it.
change_zone_hints() {
	local report
	{
		service_yaml web 40 "$PORTS_BOTH"
		slice_yaml web web IPv4 "$PORTS_BOTH" "" "$(pod_ip4 a1),ready,node1" "$(pod_ip4 b1),ready,node2" |
			sed 's/^  nodeName: node\(.\)/&\n  zone: zone-\1\n  hints: {forZones: [{name: zone-\1}]}/'
	} | put web.yaml
	agent_up 1
	report=$(load c1 -c 100 tcp4 "$(vip4 40)/80")
	is "$(names "$report")" "a1 b1" "endpoints while the zone is unknown"
	put node.yaml <<-END
		apiVersion: v1
		kind: Node
		metadata: {name: node1, labels: {topology.kubernetes.io/zone: zone-1}}
	END
	wait_for 5 only_answer a1 || fail "the zone changed nothing: $(weft 1 get endpoints -o wide)"
	report=$(load c1 -c 100 tcp4 "$(vip4 40)/80")
	clean "$report" 100
	is "$(names "$report")" a1 "endpoints of the zone"
}

only_answer() { [ "$(names "$(load c1 -c 30 tcp4 "$(vip4 40)/80")")" = "$1" ]; }

# ---- long lists ----

# farm NETWORK COUNT: so many addresses of the farm
farm() {
	local i
	for ((i = 0; i < $2; i++)); do echo "10.245.$(($1 + i / 250)).$((1 + i % 250)),ready,node2"; done
}

put_farm() {
	local name=$1 endpoints
	mapfile -t endpoints < <(farm "$2" "$3")
	slice_yaml "$name" "$name" IPv4 "http/TCP/80/8080" "" "${endpoints[@]}" | put "pods-$name.yaml"
}

# Two services, each with a list of 1,000 endpoints that is replaced whole by another, again and again, while
# connects run to both: none fails and none goes to an endpoint that was never its service's.
change_replace_1000() {
	local round name report
	put_service one 40 "http/TCP/80/8080"
	put_service two 41 "http/TCP/80/8080"
	put_farm one 0 1000
	put_farm two 20 1000
	agent_up 1
	mark 1
	load_start c1 one -a "10.245.0.,10.245.1.,10.245.2.,10.245.3.,10.245.10.,10.245.11.,10.245.12.,10.245.13." \
		tcp4 "$(vip4 40)/80"
	load_start c2 two -a "10.245.20.,10.245.21.,10.245.22.,10.245.23.,10.245.30.,10.245.31.,10.245.32.,10.245.33." \
		tcp4 "$(vip4 41)/80"
	for round in 1 2 3 4 5 6 7 8; do
		put_farm one $((round % 2 * 10)) 1000
		put_farm two $((20 + round % 2 * 10)) 1000
		wait_for 5 farm_is one $((round % 2 * 10)) || fail "round $round never came to the kernel"
		sleep 0.3
	done
	put_farm one 10 1000
	wait_for 5 farm_is one 10 || fail "the last list never came to the kernel"
	report=$(load c1 -c 2000 -a 10.245.10.,10.245.11.,10.245.12.,10.245.13. tcp4 "$(vip4 40)/80")
	clean "$report" 2000
	for name in one two; do
		report=$(load_end "$name")
		clean "$report" 5000
		[ "$(field "$report" '.by_name | length')" -gt 1000 ] || fail "the lists of $name were not used: $report"
	done
	counts 1 endpoint_missing 0
	counts 1 slot_missing 0
	counts 1 connect_other 0
	# What was replaced is deleted, too.
	wait_for 5 farm_only || fail "old rows are still there: $(bpf_rows slots) slots, $(bpf_rows endpoints) endpoints"
}

bpf_rows() { bpftool -j map dump pinned "$LAB_BPF/node1/$1" | jq length; }
farm_only() { [ "$(bpf_rows endpoints)" = 2000 ] && [ "$(bpf_rows members)" = 2000 ] && [ "$(bpf_rows slots)" = 2000 ]; }
farm_is() {
	weft 1 get endpoints "live/$1" -o json | jq -e --arg a "10.245.$2.1" \
		'any(.address == $a) and (map(select(.state == "ready")) | length) == 1000' >/dev/null
}

# Five files at a time change as fast as they can be written; connects to all of their services go on.
change_storm() {
	local i round report
	for i in 1 2 3 4 5; do expose "s$i" $((40 + i)) "" a1 b1; done
	agent_up 1
	load_start c1 storm -a a1,a2,b1,b2 tcp4 "$(vip4 41)/80"
	load_start c2 storm6 -a a1,a2,b1,b2 udp6 "$(vip6 43)/80"
	for ((round = 0; round < 40; round++)); do
		for i in 1 2 3 4 5; do
			if ((round % 2)); then put_pods "s$i" a1 b1; else put_pods "s$i" a2 b2 b1; fi
		done
	done
	for i in 1 2 3 4 5; do put_pods "s$i" a2; done
	await 1 s5 1
	report=$(load c1 -c 200 tcp4 "$(vip4 41)/80")
	is "$(names "$report")" a2
	clean "$(load_end storm)" 1000
	clean "$(load_end storm6)" 1000
}

for kind in tcp4 tcp6 udp4; do
	test_add "endpoint-added/$kind" change_added "$kind"
	test_add "endpoint-removed/$kind" change_removed "$kind"
	test_add "endpoint-terminating/$kind" change_terminating "$kind"
	test_add "emptied-and-filled/$kind" change_empties_and_fills "$kind"
done
test_add service-deleted change_service_deleted
test_add traffic-policy-local change_local_policy
test_add publish-not-ready change_publish_not_ready
test_add service-address-changed change_service_address
test_add address-claimed-twice change_address_claimed_twice
test_add one-family change_one_family
test_add zone-hints change_zone_hints
test_add address-reused change_address_reused
test_add replace-1000-endpoints change_replace_1000
test_add storm-of-changes change_storm
