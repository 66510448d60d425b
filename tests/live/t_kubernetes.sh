#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The source "kubernetes" against an API server that can do what the real one will not. The real one is in
# tests/kubernetes.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

API_PORT=6443

# api_up [PLACE [CERTIFICATE KEY]]: the server, on node1 or in the pod PLACE; then a kubeconfig of its address.
api_up() {
	local place=${1-} address=127.0.0.1 ns=node1
	[ -z "$place" ] || { address=$(pod_ip4 "$place") ns=$place; }
	API=$address:$API_PORT
	in_cgroup "$LAB_CGROUP/agents" "$ns" python3 "$LIVE/apiserver.py" "$address" "$API_PORT" "${@:2}" \
		>"$LAB/tmp/api" 2>"$LAB/tmp/api.err" </dev/null &
	API_PID=$!
	wait_for 5 file_has "$LAB/tmp/api" serving || fail "no API server: $(<"$LAB/tmp/api.err")"
	kubeconfig "http://$API"
}

# kubeconfig SERVER [FIELD...]: JSON is YAML, too. The fields are of the cluster.
kubeconfig() {
	local server=$1
	shift
	jq -n --arg server "$server" --arg token "$LAB/tmp/token" "{
		apiVersion: \"v1\", kind: \"Config\", \"current-context\": \"t\",
		clusters: [{name: \"t\", cluster: ({server: \$server} + {$*})}],
		users: [{name: \"t\", user: {tokenFile: \$token}}],
		contexts: [{name: \"t\", context: {cluster: \"t\", user: \"t\"}}]}" >"$LAB/tmp/kubeconfig"
	echo one >"$LAB/tmp/token"
}

# order JSON: to the server, from where it is
order() {
	python3 - "$1" "http://$API/control" <<-'END'
		import sys, urllib.request
		urllib.request.urlopen(urllib.request.Request(sys.argv[2], data=sys.argv[1].encode()), timeout=5).read()
	END
}

# shellcheck disable=SC2016 # expanded there, not here
tells() { (export -f order; export API; ns_run node1 bash -c 'order "$1"' _ "$1") || fail "the API server does not take $1"; }

# What it was asked: "SECONDS PATH", a line each
asked() {
	ns_run node1 python3 - "http://$API/control" <<-'END'
		import json, sys, urllib.request
		for when, path in json.load(urllib.request.urlopen(sys.argv[1], timeout=5)):
		    print(f"{when:.3f} {path}")
	END
}

has_asked() { grep -qE "$1" <<<"$(asked)"; }

# service NAME NUMBER: with its port 80 to port 8080 of the endpoints
service() {
	jq -nc --arg name "$1" --arg four "$(vip4 "$2")" --arg space "$NAMESPACE" '{
		kind: "Service", metadata: {namespace: $space, name: $name},
		spec: {clusterIP: $four, clusterIPs: [$four], ports: [{name: "web", port: 80, protocol: "TCP"}]}}'
}

# slice SERVICE POD...: one slice with them, of IPv4
slice() {
	local service=$1 pod endpoints=''
	shift
	for pod in "$@"; do
		endpoints+="${endpoints:+,}{\"addresses\":[\"$(pod_ip4 "$pod")\"],\"conditions\":{\"ready\":true},\"nodeName\":\"node$(pod_node "$pod")\"}"
	done
	jq -nc --arg service "$service" --arg space "$NAMESPACE" --argjson endpoints "[$endpoints]" '{
		kind: "EndpointSlice", metadata: {namespace: $space, name: ($service + "-1"), labels: {"kubernetes.io/service-name": $service}},
		addressType: "IPv4", ports: [{name: "web", port: 8080, protocol: "TCP"}], endpoints: $endpoints}'
}

put_object() { tells "{\"put\": $1}"; }

# kube_up OPTION...: the agent, until it is ready
kube_up() { agent_up 1 --source "kubernetes:$LAB/tmp/kubeconfig" "$@"; }
kube_start() { agent_start 1 --source "kubernetes:$LAB/tmp/kubeconfig"; }

web_up() {
	put_object "$(service web 10)"
	put_object "$(slice web a1 b1)"
	kube_up
	await 1 web 2
}

# It follows what happens now.
follows() {
	put_object "$(slice web "$@")"
	await 1 web $#
}

# The agent waits longer after each failure: on a slow machine there are more of them.
says() { wait_for "${2:-30}" file_has "$(agent_log 1)" "$1" || fail "not said: $1; but $(<"$(agent_log 1)")"; }

kube_follows() {
	api_up
	web_up
	mark 1
	matches "$(does c1 tcp4 "connect=$(vip4 10)/80" ask)" "^connect ok; ask (a1|b1)$"
	counts 1 connect_balanced 1
	put_object "$(slice web a2)"
	await 1 web 1
	is "$(does c1 tcp4 "connect=$(vip4 10)/80" ask)" "connect ok; ask a2"
	put_object "$(service other 11)"
	wait_for 5 has_service other || fail "a new service is not in the kernel"
	tells "{\"delete\": $(service other 11)}"
	wait_for 5 has_no_service other || fail "a deleted service is in the kernel"
	put_object '{"kind":"Node","metadata":{"name":"node2","labels":{"topology.kubernetes.io/zone":"z"}}}'
	follows a1 b1
	is "$(weft 1 get status source -o json | jq -r '.[0].value')" kubernetes
	is "$(weft 1 get status source.complete -o json | jq -r '.[0].value')" yes
	# Nothing but watches goes on, all of them over connections with the agent's mark.
	is "$(asked | grep -v gateway | grep -c watch=true)" 3
	is "$(ns_run node1 ss -tneH "dport = :$API_PORT" | grep -c ESTAB)" "$(ns_run node1 ss -tneH "dport = :$API_PORT" | grep -c 'fwmark:0x57')"
}

has_service() { weft 1 get services -o json | jq -e --arg name "$1" 'any(.[]; .name == $name)' >/dev/null; }
has_no_service() { ! has_service "$1"; }

# Pages, of which each is asked for where the one before ended; the list is whole only with the last.
kube_pages() {
	api_up
	tells '{"set": {"stream": false}}'
	tells "$(jq -nc '[range(1201) | {put: {kind: "Node", metadata: {name: "n\(.)"}}}]')"
	web_up
	is "$(asked | grep -c '/nodes?limit=500')" 3
	is "$(asked | grep -c '/nodes?.*continue=')" 2
	is "$(weft 1 get status source.objects -o json | jq -r '.[0].value')" 1203
	follows a1
}

kube_gzip() {
	api_up
	tells '{"set": {"gzip": true, "stream": '"$1"'}}'
	web_up
	follows b2
	follows a1 a2 b1
}

# Byte by byte.
kube_drip() {
	api_up
	tells '{"set": {"drip": true}}'
	web_up
	follows a2
}

# A kind that cannot be listed: nothing is known, and nothing is taken away.
kube_incomplete() {
	api_up
	web_up
	agent_end "$AGENT"
	tells "{\"delete\": $(service web 10)}"
	tells '{"fail": {"endpointslices": 500}}'
	kube_start
	says "endpointslices: HTTP status 500: endpointslices: failing as told; what was known stays in force"
	is "$(ns_run node1 "$WEFT" get status ready -o json --bpffs "$LAB_BPF/node1" | jq -r '.[0].value')" no
	matches "$(does c1 tcp4 "connect=$(vip4 10)/80" ask)" "^connect ok; ask (a1|b1)$"
	[ "$(grep -c 'failing as told' "$(agent_log 1)")" = 1 ] || fail "it is said again and again"
	tells '{"fail": {"endpointslices": 0}}'
	wait_for 30 has_no_service web || fail "what was deleted meanwhile is still there"
	says "endpointslices: well again"
	says '^ready$'
}

# The server is away while the agent begins, and comes back.
kube_away() {
	api_up
	web_up
	agent_kill "$AGENT"
	kill -STOP "$API_PID"
	end_api
	kube_start
	says "kubernetes: services: .*what was known stays in force"
	is "$(shown_count)" 2 "endpoints while the server is away"
	api_up
	put_object "$(service web 10)"
	put_object "$(slice web a2)"
	says "services: well again"
	says "endpointslices: well again"
	await 1 web 1
	matches "$(does c1 tcp4 "connect=$(vip4 10)/80" ask)" "ask a2$"
}

shown_count() { weft 1 get endpoints -o json | jq length; }
end_api() {
	kill -KILL "$API_PID"
	wait "$API_PID" 2>/dev/null || true
}

# What cannot be read is said once, changes nothing, and is asked for again.
kube_nonsense() {
	local what=$1 text words
	case $what in
	cut) text='{"type":"ADDED","object":{"kind":"EndpointSl' words="transfer closed" ;;
	wrong-kind) text='{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"x"}}}'$'\n' words="no EndpointSlice" ;;
	no-event) text=$'[1, 2]\n' words="no event of a watch" ;;
	no-json) text=$'{"type":"ADDED","object":{"kind":"EndpointSl\n' words="no event of a watch" ;;
	esac
	api_up
	web_up
	tells "$(jq -nc --arg text "$text" '{raw: "endpointslices", text: $text}')"
	[ "$what" != cut ] || tells '{"cut": "endpointslices"}'
	says "endpointslices: .*$words"
	is "$(shown_count)" 2 "endpoints after $what"
	says "endpointslices: well again"
	follows a1 b2 a2
}

kube_huge() {
	api_up
	web_up
	ns_run node1 python3 - "http://$API/control" <<-'END'
		import json, sys, urllib.request
		text = '{"type":"ADDED","object":{"kind":"EndpointSlice","metadata":{"name":"' + "x" * (9 << 20)
		order = json.dumps({"raw": "endpointslices", "text": text}).encode()
		urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=order), timeout=5).read()
	END
	says "an event is too large"
	says "endpointslices: well again"
	is "$(shown_count)" 2
	follows a1
}

# An object that Kubernetes would not take: it is named, with the field, and says what it said before.
kube_bad_object() {
	api_up
	web_up
	put_object "$(slice web a2 | jq -c '.endpoints[0].addresses[0] = "nowhere"')"
	says 'kubernetes: EndpointSlice live/web-1: endpoints\[0\].addresses\[0\]: "nowhere" is not an IP address'
	is "$(shown_count)" 2
	matches "$(weft 1 get status)" "1 objects cannot be read"
	put_object "$(service other 11)"
	wait_for 5 has_service other || fail "the others are not followed"
	follows a2
	[[ ! $(weft 1 get status) =~ "cannot be read" ]] || fail "it is still called wrong"
}

# Twice the same, one of the past, many bookmarks.
kube_odd_events() {
	local old
	api_up
	web_up
	old=$(slice web a1 a2 b1 b2 | jq -c '. + {apiVersion: "discovery.k8s.io/v1"} | .metadata.resourceVersion = "1" | {type: "MODIFIED", object: .}')
	follows a2
	tells "$(jq -nc --arg text "$old"$'\n'"$old"$'\n' '{raw: "endpointslices", text: $text}')"
	ns_run node1 python3 - "http://$API/control" <<-'END'
		import json, sys, urllib.request
		text = '{"type":"BOOKMARK","object":{"kind":"EndpointSlice","metadata":{"resourceVersion":"1"}}}\n' * 20000
		urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=json.dumps({"raw": "endpointslices", "text": text}).encode()), timeout=10).read()
	END
	put_object "$(service other 11)"
	wait_for 5 has_service other || fail "it does not get beyond the bookmarks"
	is "$(shown_count)" 1
	follows a1 b1
	is "$(grep -c 'applied' "$(agent_log 1)")" 4 "plans"
}

# Versions that the server has forgotten: all is listed again, and what is gone is found out by that.
kube_gone() {
	local how=$1
	api_up
	web_up
	put_object "$(service other 11)"
	wait_for 5 has_service other || fail "no service"
	tells "{\"delete\": $(service other 11), \"silently\": true}"
	case $how in
	event) tells "$(jq -nc --arg text '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old resource version"}}'$'\n' '{raw: "services", text: $text}')" ;;
	status)
		tells '{"forget": true}'
		tells '{"end": "services"}'
		;;
	esac
	wait_for 30 has_no_service other || fail "what was deleted while it did not look is still there: $(asked | tail -n 5)"
	is "$(asked | grep -c '/services?.*sendInitialEvents')" 2 "lists"
	is "$(shown_count)" 2
	follows a2
}

kube_retry_after() {
	local first second
	api_up
	web_up
	tells '{"fail": {"services": 429}, "set": {"retry_after": 2}}'
	tells '{"end": "services"}'
	says "services: HTTP status 429"
	tells '{"fail": {"services": 0}}'
	says "services: well again"
	# The one that was refused is the last but one.
	read -r first _ <<<"$(asked | grep '/services' | tail -n 2 | head -n 1)"
	read -r second _ <<<"$(asked | grep '/services' | tail -n 1)"
	awk -v a="$first" -v b="$second" 'BEGIN { exit !(b - a >= 2) }' || fail "asked again after $first..$second"
}

# The token is read anew; what is told of it is no secret.
kube_token() {
	api_up
	tells '{"set": {"token": "one"}}'
	web_up
	tells '{"set": {"token": "two"}}'
	tells '{"end": "services"}'
	says "services: HTTP status 401: Unauthorized"
	echo two >"$LAB/tmp/token"
	says "services: well again"
	follows a1
	[[ ! $(<"$(agent_log 1)") =~ Bearer ]] || fail "the log holds a token"
}

kube_forbidden() {
	api_up
	web_up
	tells '{"fail": {"services": 403, "nodes": 403}}'
	tells '{"end": "services"}'
	says "services: HTTP status 403: services: failing as told"
	is "$(shown_count)" 2
	matches "$(weft 1 get status)" "failing as told"
	follows b2
	tells '{"fail": {"services": 0, "nodes": 0}}'
	says "services: well again"
}

# The server's host falls silent, with connections open. TCP finds out, and the agent asks anew.
kube_silent() {
	api_up a1
	# From the node to a pod of its own bridge.
	web_up
	ip -n "$LAB_NS-a1" link set eth0 down
	says "kubernetes: .*what was known stays in force" 45
	is "$(shown_count)" 2
	ip -n "$LAB_NS-a1" -batch - <<-END
		link set eth0 up
		route replace default via 10.244.1.1
		address replace $(pod_ip6 a1)/64 dev eth0 nodad
		route replace default via fd00:244:1::1
	END
	says "kubernetes: .*well again" 45
	follows a2
}

kube_tls() {
	local work=$LAB/tmp/tls
	mkdir -p "$work"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/key" -out "$work/cert" -days 2 \
		-subj /CN=api -addext "subjectAltName=IP:127.0.0.1" 2>/dev/null
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/other-key" -out "$work/other" -days 2 \
		-subj /CN=other -addext "subjectAltName=IP:127.0.0.1" 2>/dev/null
	api_up "" "$work/cert" "$work/key"
	kubeconfig "https://$API" "\"certificate-authority\": \"$work/other\""
	kube_start
	says "kubernetes: services: .*certificate"
	agent_end "$AGENT"
	kubeconfig "https://$API" "\"certificate-authority-data\": \"$(base64 -w0 "$work/cert")\""
	kube_up
	agent_end "$AGENT"
	kubeconfig "https://$API" '"insecure-skip-tls-verify": true'
	kube_up
}

kube_narrow() {
	api_up
	kube_up --namespaces live,second --selector 'app in (web),tier!=x'
	has_asked '/api/v1/namespaces/live/services\?labelSelector=app%20in%20%28web%29%2Ctier%21%3Dx&' || fail "$(asked)"
	has_asked '/apis/discovery.k8s.io/v1/namespaces/second/endpointslices\?labelSelector=' || fail "$(asked)"
	has_asked '/api/v1/nodes\?watch' || fail "$(asked)"
	is "$(asked | grep -v gateway | grep -c watch=true)" 5
}

kube_misuse() {
	local config=$LAB/tmp/kubeconfig
	refuses 2 weft 1 agent --source "file:$LAB_SOURCE" --cgroup "$LAB_CGROUP/node1" --selector x
	refuses 1 weft 1 agent --source kubernetes --cgroup "$LAB_CGROUP/node1"
	matches "$SAID" "this is no pod .*--source kubernetes:FILE"
	refuses 1 weft 1 agent --source kubernetes:/nowhere --cgroup "$LAB_CGROUP/node1"
	matches "$SAID" "/nowhere: cannot be read: No such file"
	printf 'apiVersion: v1\nkind: Config\ncurrent-context: t\ncontexts: [{name: t, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: "https://x"}}]\nusers:\n- name: u\n  user:\n    exec: {command: x}\n' >"$config"
	refuses 1 weft 1 agent --source "kubernetes:$config" --cgroup "$LAB_CGROUP/node1"
	matches "$SAID" "kubeconfig:9: users\[0\].user.exec: is not supported; use a token"
	refuses 1 weft 1 agent --source "kubernetes:$config" --namespaces 'a,B' --cgroup "$LAB_CGROUP/node1"
	[ ! -e "$LAB_BPF/node1/services" ] || weft_unload 1
}

test_add kubernetes/follows kube_follows
test_add kubernetes/pages kube_pages
test_add kubernetes/gzip-stream kube_gzip true
test_add kubernetes/gzip-pages kube_gzip false
test_add kubernetes/drip kube_drip
test_add kubernetes/incomplete kube_incomplete
test_add kubernetes/away kube_away
for what in cut wrong-kind no-event no-json; do test_add "kubernetes/$what" kube_nonsense "$what"; done
test_add kubernetes/huge kube_huge
test_add kubernetes/bad-object kube_bad_object
test_add kubernetes/odd-events kube_odd_events
for how in event status; do test_add "kubernetes/gone-$how" kube_gone "$how"; done
test_add kubernetes/retry-after kube_retry_after
test_add kubernetes/token kube_token
test_add kubernetes/forbidden kube_forbidden
test_add kubernetes/silent kube_silent
test_add kubernetes/tls kube_tls
test_add kubernetes/narrow kube_narrow
test_add kubernetes/misuse kube_misuse
