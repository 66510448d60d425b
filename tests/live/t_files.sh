#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The directory of objects: what is wrong changes nothing, what is right comes in however it is written.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

log_says() { wait_for 5 file_has "$(agent_log 1)" "$1" || fail "the agent never said '$1': $(<"$(agent_log 1)")"; }

still_works() { is "$(does c1 tcp4 "connect=$(vip4 50)/80" ask)" "connect ok; ask a1"; }

# A file that is cut short in the middle of being written: line and file are named, all rows stand.
files_half_written() {
	local whole report
	expose web 50 "" a1
	agent_up 1
	load_start c1 all -a a1,b1 tcp4 "$(vip4 50)/80"
	whole=$(pods_yaml web "$PORTS_BOTH" "" b1)
	printf '%s' "${whole:0:$((${#whole} - 60))}" >"$LAB_SOURCE/pods-web.yaml"
	log_says 'error: .*pods-web.yaml:[0-9]'
	still_works
	printf '%s\n' "$whole" >"$LAB_SOURCE/pods-web.yaml"
	wait_for 5 answers_b1 || fail "the whole file never came in"
	clean "$(load_end all)"
}

answers_b1() { [ "$(does c1 tcp4 "connect=$(vip4 50)/80" ask)" = "connect ok; ask b1" ]; }

# A field that is wrong is named by file, line and path.
files_wrong_field() {
	expose web 50 "" a1
	agent_up 1
	service_yaml web 50 "http/TCP/99999/8080" | put service-web.yaml
	log_says 'service-web\.yaml:[0-9]*: .*spec\.ports\[0\]\.port'
	still_works
	# Others are not held up by it.
	expose other 51 "" b1
	await 1 other 1
	is "$(does c1 tcp4 "connect=$(vip4 51)/80" ask)" "connect ok; ask b1"
	put_service web 50 "$PORTS_BOTH"
	await 1 web 1
	still_works
}

# A ConfigMap volume: names lead through "..data", which is switched to another directory at once.
files_configmap() {
	agent_pods_configmap 1 a1
	agent_up 1
	still_works
	load_start c1 all -a a1,b1 tcp4 "$(vip4 50)/80"
	agent_pods_configmap 2 b1
	wait_for 5 answers_b1 || fail "the switch was not seen: $(<"$(agent_log 1)")"
	agent_pods_configmap 3 a1 b1
	await 1 web 2
	clean "$(load_end all)"
}

agent_pods_configmap() {
	local version=$1 dir=$LAB_SOURCE/..version_$1
	shift
	mkdir -p "$dir"
	service_yaml web 50 "$PORTS_BOTH" >"$dir/service.yaml"
	pods_yaml web "$PORTS_BOTH" "" "$@" >"$dir/pods.yaml"
	ln -s "..version_$version" "$LAB_SOURCE/..data_new"
	mv -T "$LAB_SOURCE/..data_new" "$LAB_SOURCE/..data"
	for dir in service.yaml pods.yaml; do
		[ -L "$LAB_SOURCE/$dir" ] || ln -s "..data/$dir" "$LAB_SOURCE/$dir"
	done
	rm -rf "$LAB_SOURCE/..version_$((version - 1))"
}

# What `kubectl get -o json` prints: a List.
files_kubectl_list() {
	jq -n --arg vip "$(vip4 50)" --arg pod "$(pod_ip4 a1)" '{apiVersion: "v1", kind: "List", items: [
		{apiVersion: "v1", kind: "Service",
		 metadata: {name: "web", namespace: "live", resourceVersion: "12", uid: "x"},
		 spec: {type: "ClusterIP", clusterIP: $vip, clusterIPs: [$vip], ipFamilies: ["IPv4"], selector: {app: "web"},
			sessionAffinity: "None", ports: [{name: "http", port: 80, protocol: "TCP", targetPort: 8080}]},
		 status: {loadBalancer: {}}},
		{apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4",
		 metadata: {name: "web-x", namespace: "live", labels: {"kubernetes.io/service-name": "web"}},
		 endpoints: [{addresses: [$pod], conditions: {ready: true, serving: true, terminating: false}}],
		 ports: [{name: "http", port: 8080, protocol: "TCP"}]}],
		metadata: {resourceVersion: ""}}' | put all.json
	agent_up 1
	still_works
}

# Headless and ExternalName services are left out, with a word about it.
files_ignored_kinds() {
	put out.yaml <<-END
		---
		apiVersion: v1
		kind: Service
		metadata: {name: headless, namespace: live}
		spec: {clusterIP: None, ports: [{port: 80}]}
		---
		apiVersion: v1
		kind: Service
		metadata: {name: outside, namespace: live}
		spec: {type: ExternalName, externalName: example.org}
	END
	expose web 50 "" a1
	agent_up 1
	still_works
	log_says 'headless'
	log_says 'outside'
	is "$(weft 1 get services -o json | jq -r 'map(.name) | unique | join(" ")')" web services
}

# A file that is removed takes its objects along.
files_removed() {
	expose web 50 "" a1
	agent_up 1
	still_works
	drop pods-web.yaml
	await 1 web 0
	put_pods web a1
	await 1 web 1
	still_works
}

# A file that gets another name is the same file; what it holds does not blink.
files_renamed() {
	local i report
	expose web 50 "" a1
	agent_up 1
	load_start c1 all -a a1 tcp4 "$(vip4 50)/80"
	for i in 1 2 3 4 5; do
		mv "$LAB_SOURCE/service-web.yaml" "$LAB_SOURCE/moved-$i.yaml"
		mv "$LAB_SOURCE/pods-web.yaml" "$LAB_SOURCE/away-$i.yaml"
		sleep 0.05
		mv "$LAB_SOURCE/away-$i.yaml" "$LAB_SOURCE/pods-web.yaml"
		mv "$LAB_SOURCE/moved-$i.yaml" "$LAB_SOURCE/service-web.yaml"
		sleep 0.05
	done
	report=$(load_end all)
	clean "$report" 500
	still_works
}

# What is broken while no agent looks is not taken for gone by the next one.
files_broken_at_restart() {
	local report
	expose web 50 "" a1
	expose other 51 "" b1
	agent_up 1
	agent_kill "$AGENT"
	load_start c1 all -a a1 tcp4 "$(vip4 50)/80"
	echo 'kind: [' >"$LAB_SOURCE/pods-web.yaml"
	echo 'apiVersion: v1' >"$LAB_SOURCE/service-other.yaml"
	agent_start 1
	log_says 'pods-web.yaml:[0-9]'
	log_says 'service-other.yaml'
	sleep 0.5
	still_works
	is "$(does c1 tcp4 "connect=$(vip4 51)/80" ask)" "connect ok; ask b1"
	clean "$(load_end all)" 500
	put_pods web b1
	put_service other 51 "$PORTS_BOTH"
	wait_for 5 answers_b1 || fail "the mended file never came in: $(<"$(agent_log 1)")"
}

# Only what is new is sent after a restart: nothing, or the one change.
files_restart_difference() {
	local i applied
	for i in 1 2 3 4 5 6 7 8 9; do expose "s$i" $((50 + i)) "" a1 b1; done
	expose web 50 "" a1
	agent_up 1
	applied=$(sed -n 's/^applied \([0-9]*\) puts.*/\1/p' "$(agent_log 1)" | head -n 1)
	[ "$applied" -gt 100 ] || fail "the first state of ten services was only $applied puts"
	agent_kill "$AGENT"
	agent_up 1
	sleep 0.5
	! file_has "$(agent_log 1)" '^applied' || fail "a restart without a change sent rows: $(<"$(agent_log 1)")"
	agent_kill "$AGENT"
	# Out of ten services one changes while nobody looks.
	put_pods s3 a1
	agent_up 1
	await 1 s3 1
	applied=$(sed -n 's/^applied \([0-9]*\) puts.*/\1/p' "$(agent_log 1)" | awk '{ n += $1 } END { print n }')
	[ "$applied" -le 20 ] || fail "one change was sent as $applied puts: $(<"$(agent_log 1)")"
	agent_kill "$AGENT"
	# And a service goes.
	drop service-s4.yaml
	agent_up 1
	is "$(weft 1 get services -o json | jq 'any(.name == "s4")')" false "service s4 is shown"
	still_works
}

test_add half-written-file files_half_written
test_add wrong-field files_wrong_field
test_add configmap-switch files_configmap
test_add kubectl-list files_kubectl_list
test_add ignored-kinds files_ignored_kinds
test_add file-removed files_removed
test_add file-renamed files_renamed
test_add broken-at-restart files_broken_at_restart
test_add restart-sends-difference files_restart_difference
