#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# TCPRoutes with a Service as their parent: shares of backends, shares that are refused, and what is said of them.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

# put_route NAME PARENT CREATED BACKEND=WEIGHT...: a route of port 80 of the parent to port 80 of the backends.
put_route() {
	local name=$1 parent=$2 created=$3 backend
	shift 3
	{
		printf 'apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: TCPRoute\nmetadata:\n  name: %s\n' "$name"
		printf '  namespace: %s\n  creationTimestamp: "%s"\nspec:\n  parentRefs:\n' "$NAMESPACE" "$created"
		printf '  - {group: "", kind: Service, name: %s, port: 80}\n  rules:\n  - backendRefs:\n' "$parent"
		for backend in "$@"; do
			printf '    - {name: %s, port: 80, weight: %s}\n' "${backend%=*}" "${backend#*=}"
		done
	} | put "route-$name.yaml"
}

# A parent with a1 of its own, and two backends behind it.
route_begin() {
	expose web 60 "${1-}" a1
	expose web-v1 61 "" a2
	expose web-v2 62 "" b1
}

# The routes as one line: "NAME PARENT accepted-reason resolved-reason [weights] [endpoints]; ..."
shown_routes() {
	weft 1 get routes -o json | jq -r 'map("\(.name) \(.parent) \(.accepted_reason) \(.resolved_refs_reason) " +
		"\(.backends | map(.weight)) \(.backends | map(.endpoints))") | join("; ")'
}
shows_routes() { [ "$(shown_routes)" = "$1" ]; }
await_routes() { wait_for 5 shows_routes "$1" || fail "routes: got '$(shown_routes)', wanted '$1'"; }

# near COUNT TOTAL PERCENT WHAT: within five standard deviations
near() {
	awk -v got="$1" -v n="$2" -v p="$3" 'BEGIN {
		p /= 100
		off = got - n * p
		exit off * off > 25 * n * p * (1 - p)
	}' || fail "$4: $1 of $2, wanted about $3 %"
}

route_spread() {
	local kind=$1 report
	route_begin "lb=$2"
	put_route canary web 2024-05-01T12:00:00Z web-v1=90 web-v2=10
	agent_up 1
	await_routes "canary live/web Accepted ResolvedRefs [90,10] [1,1]"
	mark 1
	report=$(load c1 -c 2000 -a a2,b1 "$kind" "$(vip "$kind" 60)")
	clean "$report" 2000
	near "$(field "$report" .by_name.b1)" 2000 10 "answers of the backend of weight 10"
	counts 1 refused_backend 0
	# Its own port of UDP, and the backends by their own addresses, are as they were.
	is "$(names "$(load c1 -c 20 "udp${kind#tcp}" "$(vip "$kind" 60)")")" a1
	is "$(names "$(load c1 -c 20 "$kind" "$(vip "$kind" 62)")")" b1
}

route_weights_change() {
	local report
	route_begin
	put_route canary web 2024-05-01T12:00:00Z web-v1=100 web-v2=0
	agent_up 1
	load_start c1 all -a a2,b1 tcp4 "$(vip tcp4 60)"
	report=$(load c1 -c 300 -a a2 tcp4 "$(vip tcp4 60)")
	clean "$report" 300
	put_route canary web 2024-05-01T12:00:00Z web-v1=20 web-v2=80
	await_routes "canary live/web Accepted ResolvedRefs [20,80] [1,1]"
	report=$(load c1 -c 2000 -a a2,b1 tcp4 "$(vip tcp4 60)")
	near "$(field "$report" .by_name.b1)" 2000 80 "answers after the weights changed"
	put_route canary web 2024-05-01T12:00:00Z web-v1=0 web-v2=100
	await_routes "canary live/web Accepted ResolvedRefs [0,100] [1,1]"
	clean "$(load c1 -c 300 -a b1 tcp4 "$(vip tcp4 60)")" 300
	# What stands behind a backend changes with that backend.
	put_pods web-v2 b2
	wait_for 5 shows_endpoint web "$(pod_ip4 b2)" || fail "the new endpoint of the backend is not the parent's"
	clean "$(load c1 -c 100 -a b2 tcp4 "$(vip tcp4 60)")" 100
	report=$(load_end all)
	is "$(field "$report" .failures)" 0 "failed requests while weights changed"
	[ "$(field "$report" .requests)" -gt 500 ] || fail "too few requests to mean anything: $report"
}

shows_endpoint() {
	weft 1 get endpoints "$1" -o json | jq -e --arg address "$2" 'any(.address == $address and .chosen and .protocol == "TCP")' >/dev/null
}

# A backend that is missing, and one without endpoints: their shares are refused at once, the others' are not.
route_missing_backend() {
	local kind=$1 report
	route_begin
	put_pods web-v2
	put_route canary web 2024-05-01T12:00:00Z web-v1=60 nobody=25 web-v2=15
	agent_up 1
	await_routes "canary live/web Accepted BackendNotFound [60,25,15] [1,0,0]"
	mark 1
	report=$(load c1 -c 2000 -a a2 "$kind" "$(vip "$kind" 60)" 2>/dev/null)
	near "$(field "$report" .failures)" 2000 40 "refused connects"
	is "$(field "$report" '.errors | keys | join(" ")')" ECONNREFUSED "errors"
	is "$(field "$report" .misdirected)" 0 "answers of others"
	counts 1 refused_backend "$(field "$report" .failures)"
	matches "$(weft 1 get routes -o wide)" "there is no Service live/nobody: its share of connections is refused"
	matches "$(weft 1 get routes -o wide)" "Service live/web-v2 has no endpoints: its share"
	is "$(weft 1 explain "$(pod_ip "$kind" c1)" "$(vip4 60):80/tcp" -o json |
		jq -c '[.refused, .endpoints[0].probability, .endpoints[0].share] | map(. * 1000 | round)')" '[400,600,600]' "explain"
	# It comes: nothing is refused any more.
	expose nobody 63 "" b2
	put_pods web-v2 b1
	await_routes "canary live/web Accepted ResolvedRefs [60,25,15] [1,1,1]"
	clean "$(load c1 -c 300 -a a2,b1,b2 "$kind" "$(vip "$kind" 60)")" 300
	# All weights zero: all is refused.
	put_route canary web 2024-05-01T12:00:00Z web-v1=0 web-v2=0
	await_routes "canary live/web Accepted ResolvedRefs [0,0] [1,1]"
	is "$(does c1 "$kind" "connect=$(vip "$kind" 60)")" "connect ECONNREFUSED"
}

# Without the route the service has its own endpoints again; with the agent dead the route is in force, and shown.
route_removed() {
	local report
	route_begin
	put_route canary web 2024-05-01T12:00:00Z web-v1=1
	agent_up 1
	await_routes "canary live/web Accepted ResolvedRefs [1] [1]"
	is "$(names "$(load c1 -c 50 tcp4 "$(vip tcp4 60)")")" a2
	agent_kill "$AGENT"
	is "$(shown_routes)" "canary live/web Accepted ResolvedRefs [1] [1]" "routes without an agent"
	is "$(names "$(load c1 -c 50 tcp4 "$(vip tcp4 60)")")" a2
	load_start c1 all -a a1,a2 tcp4 "$(vip tcp4 60)"
	drop route-canary.yaml
	agent_up 1
	await_routes ""
	is "$(names "$(load c1 -c 50 tcp4 "$(vip tcp4 60)")")" a1
	report=$(load_end all)
	is "$(field "$report" .failures)" 0 "failed requests while the route went"
}

# The file of a route, or of a backend, is wrong when the agent begins: what the route decided stays.
route_kept() {
	local file
	route_begin
	put_route canary web 2024-05-01T12:00:00Z web-v1=1
	agent_up 1
	await_routes "canary live/web Accepted ResolvedRefs [1] [1]"
	for file in route-canary service-web-v1; do
		agent_kill "$AGENT"
		cp "$LAB_SOURCE/$file.yaml" "$LAB/tmp/good"
		put "$file.yaml" <<<"kind: ["
		agent_up 1
		is "$(names "$(load c1 -c 50 tcp4 "$(vip tcp4 60)")")" a2 "answers while $file is wrong"
		put "$file.yaml" <"$LAB/tmp/good"
		wait_for 5 file_has "$(agent_log 1)" "$file.yaml: good again" || fail "$file is not good again"
		is "$(names "$(load c1 -c 50 tcp4 "$(vip tcp4 60)")")" a2 "answers when $file is good again"
	done
	drop route-canary.yaml
	await_routes ""
	is "$(names "$(load c1 -c 50 tcp4 "$(vip tcp4 60)")")" a1
}

route_status() {
	route_begin
	put_route newer web 2024-05-02T12:00:00Z web-v2=1
	put_route older web 2024-05-01T12:00:00Z web-v1=1
	put_route lost nowhere 2024-05-01T12:00:00Z web-v1=1
	agent_up 1
	await_routes "lost live/nowhere NoMatchingParent ResolvedRefs [1] [1]; newer live/web Conflicted ResolvedRefs [1] [1]; older live/web Accepted ResolvedRefs [1] [1]"
	is "$(names "$(load c1 -c 50 tcp4 "$(vip tcp4 60)")")" a2 "the older route"
	matches "$(weft 1 get routes -o wide)" "TCPRoute live/older is older"
	matches "$(weft 1 get routes older | tail -n 1)" 'older +live/web +80 +web-v1:80 1 \(1\) +yes +Accepted +yes +ResolvedRefs'
	is "$(weft 1 get routes live/older -o json | jq -c '.[0].backends')" \
		'[{"namespace":"live","name":"web-v1","port":80,"weight":1,"endpoints":1,"reason":"ResolvedRefs"}]'
	is "$(weft 1 get routes -n other -o json | jq -c .)" '[]'
	matches "$(weft 1 get routes -o yaml)" 'accepted_reason: "Conflicted"'
	drop route-older.yaml
	await_routes "lost live/nowhere NoMatchingParent ResolvedRefs [1] [1]; newer live/web Accepted ResolvedRefs [1] [1]"
	is "$(names "$(load c1 -c 50 tcp4 "$(vip tcp4 60)")")" b1 "the next route"
}

test_add route/spread-tcp4 route_spread tcp4 random
test_add route/spread-tcp6-round-robin route_spread tcp6 round_robin
test_add route/weights-change route_weights_change
test_add route/missing-backend route_missing_backend tcp4
test_add route/removed route_removed
test_add route/kept route_kept
test_add route/status route_status
