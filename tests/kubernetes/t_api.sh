#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The life of the source "kubernetes" with a real API server and the real controllers. In the end of each test the maps
# are what the API server says, row for row.

# shellcheck source=../live/assert.sh
. "$LIVE/assert.sh"

kube_up() { agent_up 1 --source "kubernetes:${1:-$(config_of 16443)}"; }

begin() {
	NAMESPACE=shop-$BASHPID
	k create namespace "$NAMESPACE" >/dev/null
	wait_for 20 has_account_in || fail "the namespace has no service account"
}
has_account_in() { k -n "$NAMESPACE" get serviceaccount default >/dev/null 2>&1; }

# Whatever a test made goes; the next one begins with none of it.
finish() {
	# Nobody is there to end them.
	k -n "$NAMESPACE" delete pod --all --force --grace-period=0 >/dev/null 2>&1
	k delete namespace "$NAMESPACE" --wait=true --timeout=60s >/dev/null
}

# kube_service NAME [FIELD...]: of the pods with the label app=NAME; fields are JSON of its spec
kube_service() {
	local name=$1
	shift
	jq -nc --arg name "$name" --arg space "$NAMESPACE" "{apiVersion: \"v1\", kind: \"Service\", metadata: {name: \$name, namespace: \$space},
		spec: ({selector: {app: \$name}, ports: [{name: \"web\", port: 80, targetPort: 8080}]} + {$*})}" | k apply -f - >/dev/null
}

# kube_pod LAB-POD SERVICE: the lab's pod, as a kubelet would tell of it; kube_pod_ready LAB-POD True|False
kube_pod() {
	jq -nc --arg name "$1" --arg app "$2" --arg node "node$(pod_node "$1")" --arg space "$NAMESPACE" '{
		apiVersion: "v1", kind: "Pod", metadata: {name: $name, namespace: $space, labels: {app: $app}},
		spec: {nodeName: $node, terminationGracePeriodSeconds: 600, tolerations: [{operator: "Exists"}],
			containers: [{name: "c", image: "none"}]}}' | k create -f - >/dev/null
	kube_pod_ready "$1" True
}

kube_pod_ready() {
	k -n "$NAMESPACE" patch pod "$1" --subresource=status --type=merge -p "$(jq -nc --arg ready "$2" --arg four "$(pod_ip4 "$1")" --arg six "$(pod_ip6 "$1")" '{
		status: {phase: "Running", podIP: $four, podIPs: [{ip: $four}, {ip: $six}], conditions: [{type: "Ready", status: $ready}]}}')" >/dev/null
}

address_of() { k -n "$NAMESPACE" get service "$1" -o jsonpath='{.spec.clusterIP}'; }

# "namespace/service address port state", a line each, sorted: of the slices whose service has a cluster address
wanted_rows() {
	k get services,endpointslices -A -o json | jq -r '
		[.items[] | select(.kind == "Service" and .spec.clusterIP != null and .spec.clusterIP != "None" and .spec.type != "ExternalName")
			| "\(.metadata.namespace)/\(.metadata.name)"] as $services
		| .items[] | select(.kind == "EndpointSlice") | . as $slice
		| "\(.metadata.namespace)/\(.metadata.labels["kubernetes.io/service-name"])" as $name
		| select($services | index($name)) | .endpoints[]? | . as $e | $slice.ports[]?
		| (if ($e.conditions.ready != false) and ($e.conditions.terminating != true) then "ready"
			elif $e.conditions.terminating and $e.conditions.serving then "terminating" else "not_ready" end) as $state
		| "\($name) \($e.addresses[0]) \(.port) \($state)"' | sort -u
}

held_rows() { weft 1 get endpoints -o json | jq -r '.[] | "\(.namespace)/\(.service) \(.address) \(.port) \(.state)"' | sort -u; }

# The server's own service has no endpoints here, as nobody writes them.
same_rows() { [ "$(wanted_rows)" = "$(held_rows)" ]; }
rows_agree() { wait_for "${1:-20}" same_rows || fail "rows differ: $(diff <(wanted_rows) <(held_rows) | head -n 20)"; }

says() { wait_for "${2:-15}" file_has "$(agent_log 1)" "$1" || fail "not said: $1; but $(tail -n 20 "$(agent_log 1)")"; }

endpoints_of() { weft 1 get endpoints "$NAMESPACE/$1" -o json | jq "[.[] | select(.chosen)] | length"; }
has_chosen() { [ "$(endpoints_of "$1")" = "$2" ]; }
await_chosen() { wait_for 20 has_chosen "$1" "$2" || fail "$1 has $(endpoints_of "$1") chosen endpoints, not $2"; }

api_follows() {
	local to
	begin
	kube_service web
	kube_pod a1 web
	kube_pod b1 web
	kube_up ""
	await_chosen web 2
	to=$(address_of web)/80
	mark 1
	matches "$(does c1 tcp4 "connect=$to" ask)" "^connect ok; ask (a1|b1)$"
	counts 1 connect_balanced 1
	load_start c1 all tcp4 "$to"
	# Ready and not, and ready again; one more; one that ends, and serves on meanwhile.
	kube_pod_ready b1 False
	await_chosen web 1
	is "$(does c1 tcp4 "connect=$to" ask)" "connect ok; ask a1"
	kube_pod_ready b1 True
	await_chosen web 2
	kube_pod b2 web
	await_chosen web 3
	k -n "$NAMESPACE" delete pod a1 --wait=false >/dev/null
	await_chosen web 2
	rows_agree
	is "$(weft 1 get endpoints "$NAMESPACE/web" -o json | jq -r --arg a "$(pod_ip4 a1)" '.[] | select(.address == $a) | .state')" terminating
	REPORT=$(load_end all)
	is "$(field "$REPORT" .failures)" 0 "failed requests"
	k -n "$NAMESPACE" delete pod a1 --force --grace-period=0 >/dev/null 2>&1
	rows_agree
	finish
	rows_agree
}

# What decides of the choice, as the real controllers write it.
api_meaning() {
	begin
	kube_service local '"internalTrafficPolicy": "Local"'
	kube_service near '"trafficDistribution": "PreferSameZone"'
	kube_service sticky '"sessionAffinity": "ClientIP"'
	kube_service both '"ipFamilyPolicy": "PreferDualStack"'
	kube_service headless '"clusterIP": "None"'
	k create service externalname -n "$NAMESPACE" outside --external-name example.com >/dev/null
	for service in local near sticky both headless; do
		for pod in a1 b1; do kube_named_pod "$pod" "$service"; done
	done
	kube_up ""
	await_chosen sticky 2
	rows_agree
	# Of our own node alone; of our own zone alone.
	await_chosen local 1
	await_chosen near 1
	is "$(weft 1 get services "$NAMESPACE/sticky" -o json | jq '.[0].affinity_seconds')" 10800
	is "$(weft 1 get services "$NAMESPACE/both" -o json | jq -r 'map(if .address | contains(":") then 6 else 4 end) | sort | join(" ")')" "4 6"
	await_chosen both 4
	is "$(weft 1 get services -n "$NAMESPACE" -o json | jq -r 'map(.name) | unique | join(" ")')" "both local near sticky"
	k -n "$NAMESPACE" label service sticky service.kubernetes.io/service-proxy-name=other >/dev/null
	wait_for 10 has_no_service sticky || fail "a service of another proxy is still here"
	finish
}

has_no_service() { [ "$(weft 1 get services "$NAMESPACE/$1" -o json | jq length)" = 0 ]; }

# The same pod of the lab behind several services
kube_named_pod() {
	jq -nc --arg name "$1-$2" --arg app "$2" --arg node "node$(pod_node "$1")" --arg space "$NAMESPACE" '{
		apiVersion: "v1", kind: "Pod", metadata: {name: $name, namespace: $space, labels: {app: $app}},
		spec: {nodeName: $node, containers: [{name: "c", image: "none"}]}}' | k create -f - >/dev/null
	k -n "$NAMESPACE" patch pod "$1-$2" --subresource=status --type=merge -p "$(jq -nc --arg four "$(pod_ip4 "$1")" --arg six "$(pod_ip6 "$1")" '{
		status: {phase: "Running", podIP: $four, podIPs: [{ip: $four}, {ip: $six}], conditions: [{type: "Ready", status: "True"}]}}')" >/dev/null
}

# They are slow to find out that their server is back: half a minute, and more.
controllers_again() {
	plane_end controllers
	controllers_start
}

# The server dies; another one with the same etcd goes on, and services change; the first comes back.
api_killed() {
	begin
	kube_service web
	kube_service other
	kube_pod a1 web
	kube_up ""
	await_chosen web 1
	api_start 16543
	plane_end api-16443
	says "kubernetes: services: .*what was known stays in force"
	PORT=16543 k -n "$NAMESPACE" delete service other >/dev/null
	PORT=16543 kube_pod b1 other
	PORT=16543 k -n "$NAMESPACE" patch service web --type=merge -p '{"spec":{"ports":[{"name":"web","port":81,"targetPort":8080}]}}' >/dev/null
	is "$(endpoints_of web)" 1 "endpoints while the server is away"
	matches "$(does c1 tcp4 "connect=$(PORT=16543 address_of web)/80" ask)" "ask a1$"
	sleep "$AWAY"
	api_start 16443
	plane_end api-16543
	says "kubernetes: services: well again" 60
	controllers_again
	kube_pod b2 web
	await_chosen web 2
	rows_agree
	wait_for 10 has_no_service other || fail "a service that was deleted meanwhile is still here"
	matches "$(does c1 tcp4 "connect=$(address_of web)/81" ask)" "ask (a1|b2)$"
	finish
}

# The server restarts and has forgotten the versions that the agent knows.
api_restarted() {
	local version=${1-}
	begin
	kube_service web
	kube_pod a1 web
	kube_up ""
	await_chosen web 1
	plane_end api-16443
	# shellcheck disable=SC2086 # one option or none
	api_start 16443 $version
	says "well again" 60
	controllers_again
	k -n "$NAMESPACE" delete pod a1 --force --grace-period=0 >/dev/null 2>&1
	kube_pod b1 web
	kube_pod b2 web
	await_chosen web 2
	rows_agree
	[ -z "$version" ] || is "$(k get --raw /version | jq -r '.emulationMinor // .minor')" "${version##*.}"
	finish
	if [ -n "$version" ]; then
		plane_end api-16443
		api_start 16443
	fi
}

# weft's own account and role: taken away and given back; a token that is revoked, and its successor.
api_rights() {
	begin
	rights_up
	kube_service web
	kube_pod a1 web
	kube_up "$LAB/tmp/config"
	await_chosen web 1
	k delete clusterrolebinding weft >/dev/null
	agent_end "$AGENT"
	agent_start 1 --source "kubernetes:$LAB/tmp/config"
	says "services: HTTP status 403: .*forbidden"
	is "$(endpoints_of web)" 1 "endpoints without any rights"
	rights_given
	says "services: well again" 60
	says '^ready$' 60
	kube_pod b1 web
	await_chosen web 2
	# A token goes with the object that it is bound to. A watch that is there goes on; the next request is refused.
	k -n "$NAMESPACE" delete secret one >/dev/null
	plane_end api-16443
	api_start 16443
	says "HTTP status 401" 60
	controllers_again
	new_token two
	says "services: well again" 60
	kube_pod b2 web
	await_chosen web 3
	rows_agree
	finish
	k delete clusterrolebinding weft >/dev/null
	k delete clusterrole weft >/dev/null
}

rights_up() {
	rights_given
	plane_config "$LAB/tmp/config" 16443 "{\"tokenFile\": \"$LAB/tmp/token\"}"
	new_token one
}

# Those of the manifests
rights_given() { sed "s/namespace: weft-system/namespace: $NAMESPACE/" "$ROOT/scripts/deploy/manifests/rbac.yaml" | k apply -f - >/dev/null; }

new_token() {
	k -n "$NAMESPACE" create secret generic "$1" >/dev/null
	k -n "$NAMESPACE" create token weft --bound-object-kind=Secret --bound-object-name="$1" >"$LAB/tmp/token.new"
	mv "$LAB/tmp/token.new" "$LAB/tmp/token"
}

# A thousand services with ten endpoints each come and go.
api_many() {
	begin
	kube_up ""
	many_objects POST | ns_run node1 python3 "$SUITE/bulk.py" 16443 admintoken
	rows_agree 60
	is "$(weft 1 get services -n "$NAMESPACE" -o json | jq length)" 1000
	is "$(weft 1 get endpoints -n "$NAMESPACE" -o json | jq length)" 10000
	many_objects DELETE | ns_run node1 python3 "$SUITE/bulk.py" 16443 admintoken
	wait_for 60 has_none || fail "$(weft 1 get services -n "$NAMESPACE" -o json | jq length) services are left"
	rows_agree
	finish
}

has_none() { [ "$(weft 1 get endpoints -n "$NAMESPACE" -o json | jq length)" = 0 ] && [ "$(weft 1 get services -n "$NAMESPACE" -o json | jq length)" = 0 ]; }

many_objects() {
	python3 - "$1" "$NAMESPACE" <<-'END'
		import json, sys
		method, space = sys.argv[1:]
		core, slices = f"/api/v1/namespaces/{space}/services", f"/apis/discovery.k8s.io/v1/namespaces/{space}/endpointslices"
		for i in range(1000):
		    name = f"many-{i}"
		    if method == "DELETE":
		        print("DELETE", f"{core}/{name}")
		        print("DELETE", f"{slices}/{name}-1")
		        continue
		    print("POST", core, json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}))
		    print("POST", slices, json.dumps({
		        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "ports": [{"port": 8080, "name": ""}],
		        "metadata": {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
		        "endpoints": [{"addresses": [f"10.{100 + i // 250}.{i % 250}.{j + 1}"], "conditions": {"ready": True}} for j in range(10)]}))
	END
}

AWAY=${AWAY:-10} # seconds for which the server is away

test_add api/follows api_follows
test_add api/meaning api_meaning
test_add api/killed api_killed
test_add api/restarted api_restarted
test_add api/older-version api_restarted --emulated-version=kube=1.34
test_add api/rights api_rights
test_add api/many api_many
