#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# weft in a lab: its agents, and the objects of Kubernetes that they read.

# shellcheck source=lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

WEFT=${WEFT:-$ROOT/build/weft}
NAMESPACE=${NAMESPACE:-live} # of all objects

# weft NODE COMMAND...: weft as that node's administrator runs it, on the node.
weft() {
	local n=$1 command=$2
	shift 2
	ns_run "node$n" "$WEFT" "$command" --bpffs "$LAB_BPF/node$n" "$@"
}

weft_load() { weft "$1" load --cgroup "$LAB_CGROUP/node$1"; }
weft_unload() { weft "$1" unload; }

agent_log() { echo "$LAB/log/agent$1"; }

# Starts the agent of a node and returns; agent_up also waits until it is ready. The process id is in AGENT.
agent_start() {
	local n=$1
	shift
	# Before the new one writes: what the last one said must not be taken for its words.
	rm -f "$(agent_log "$n")"
	in_cgroup "$LAB_CGROUP/agents" "node$n" "$WEFT" agent --bpffs "$LAB_BPF/node$n" \
		--cgroup "$LAB_CGROUP/node$n" --source "file:$LAB_SOURCE" --node "node$n" "$@" \
		>"$(agent_log "$n")" 2>&1 </dev/null &
	# shellcheck disable=SC2034 # for the caller
	AGENT=$!
}

agent_up() {
	agent_start "$@"
	# In an emulated machine the verifier takes seconds.
	if ! wait_for 30 file_has "$(agent_log "$1")" '^ready$'; then
		cat "$(agent_log "$1")" >&2
		return 1
	fi
}

agent_end() { end "$1"; }

agent_kill() {
	kill -KILL "$1"
	if ! wait_for 5 is_gone "$1"; then
		say "process $1 was killed and does not end; it is in:"
		cat "/proc/$1"/task/*/stack >&2 || true
	fi
	wait "$1" 2>/dev/null || true
}

# ---- objects ----

vip4() { echo "10.96.$(($1 / 256)).$(($1 % 256))"; }
vip6() { printf 'fd00:96::%x\n' "$1"; }

# put FILE: standard input becomes a file of the source, at once and whole.
put() {
	local new=$LAB/tmp/put.$BASHPID
	mkdir -p "$LAB_SOURCE"
	cat >"$new"
	mv "$new" "$LAB_SOURCE/$1"
}

drop() { rm -f "$LAB_SOURCE/$1"; }

# service_yaml NAME NUMBER PORTS [OPTION...]: the service with virtual addresses NUMBER.
#   PORTS   "name/PROTOCOL/port/target ..."
#   OPTION  lb=ALGORITHM weft.dev/ANNOTATION=VALUE affinity=SECONDS local publish
service_yaml() {
	local name=$1 number=$2 ports=$3 option port fields
	shift 3
	printf -- '---\napiVersion: v1\nkind: Service\nmetadata:\n  name: %s\n  namespace: %s\n' "$name" "$NAMESPACE"
	printf '  annotations:\n    example.com/by: weft\n'
	for option in "$@"; do
		case $option in
		lb=*) printf '    weft.dev/lb: %s\n' "${option#lb=}" ;;
		weft.dev/*=*) printf '    %s: "%s"\n' "${option%%=*}" "${option#*=}" ;;
		esac
	done
	printf 'spec:\n  type: ClusterIP\n  clusterIP: %s\n' "$(vip4 "$number")"
	printf '  clusterIPs:\n  - %s\n  - %s\n' "$(vip4 "$number")" "$(vip6 "$number")"
	printf '  ipFamilies:\n  - IPv4\n  - IPv6\n  ports:\n'
	for port in $ports; do
		IFS=/ read -ra fields <<<"$port"
		printf '  - name: %s\n    protocol: %s\n    port: %s\n    targetPort: %s\n' "${fields[@]}"
	done
	for option in "$@"; do
		case $option in
		affinity=*)
			printf '  sessionAffinity: ClientIP\n  sessionAffinityConfig:\n    clientIP:\n'
			printf '      timeoutSeconds: %s\n' "${option#affinity=}"
			;;
		local) printf '  internalTrafficPolicy: Local\n' ;;
		publish) printf '  publishNotReadyAddresses: true\n' ;;
		esac
	done
}

# slice_yaml NAME SERVICE FAMILY PORTS WEIGHT ENDPOINT...
#   ENDPOINT  address[,state[,node[,uid]]]; state is ready, notready, terminating or gone
slice_yaml() {
	local name=$1 service=$2 family=$3 ports=$4 weight=$5 port fields endpoint conditions
	shift 5
	printf -- '---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: %s\n' "$name"
	printf '  namespace: %s\n  labels:\n    kubernetes.io/service-name: %s\n' "$NAMESPACE" "$service"
	[ -z "$weight" ] || printf '  annotations:\n    weft.dev/weight: "%s"\n' "$weight"
	printf 'addressType: %s\nports:\n' "$family"
	for port in $ports; do
		IFS=/ read -ra fields <<<"$port"
		printf -- '- name: %s\n  protocol: %s\n  port: %s\n' "${fields[0]}" "${fields[1]}" "${fields[3]}"
	done
	[ $# -gt 0 ] || { printf 'endpoints: []\n'; return; }
	printf 'endpoints:\n'
	for endpoint in "$@"; do
		IFS=, read -ra fields <<<"$endpoint"
		case ${fields[1]:-ready} in
		ready) conditions='true, serving: true, terminating: false' ;;
		notready) conditions='false, serving: false, terminating: false' ;;
		terminating) conditions='false, serving: true, terminating: true' ;;
		gone) conditions='false, serving: false, terminating: true' ;;
		*) die "no such state: $endpoint" ;;
		esac
		printf -- '- addresses: ["%s"]\n  conditions: {ready: %s}\n' "${fields[0]}" "$conditions"
		[ -z "${fields[2]-}" ] || printf '  nodeName: %s\n' "${fields[2]}"
		[ -z "${fields[3]-}" ] || printf '  targetRef: {kind: Pod, name: p, uid: %s}\n' "${fields[3]}"
	done
}

# put_service NAME NUMBER PORTS [OPTION...]
put_service() { service_yaml "$@" | put "service-$1.yaml"; }

# pods_yaml NAME PORTS WEIGHT POD[,STATE]...: slices of both families
pods_yaml() {
	local name=$1 ports=$2 weight=$3 pod state four=() six=()
	shift 3
	for pod in "$@"; do
		state=ready
		case $pod in *,*) state=${pod#*,} pod=${pod%,*} ;; esac
		four+=("$(pod_ip4 "$pod"),$state,node$(pod_node "$pod"),uid-$pod")
		six+=("$(pod_ip6 "$pod"),$state,node$(pod_node "$pod"),uid-$pod")
	done
	slice_yaml "${name/@/-}-4" "${name%@*}" IPv4 "$ports" "$weight" "${four[@]}"
	slice_yaml "${name/@/-}-6" "${name%@*}" IPv6 "$ports" "$weight" "${six[@]}"
}

PORTS_BOTH="http/TCP/80/8080 dns/UDP/80/8080"

# put_pods NAME POD[,STATE]...: the endpoints of a service of PORTS_BOTH. NAME@PART is one of several lists.
put_pods() { local name=$1; shift; pods_yaml "$name" "$PORTS_BOTH" "" "$@" | put "pods-$name.yaml"; }

# The same with a weight: put_weighted NAME WEIGHT POD...
put_weighted() { local name=$1 weight=$2; shift 2; pods_yaml "$name" "$PORTS_BOTH" "$weight" "$@" | put "pods-$name.yaml"; }

# expose NAME NUMBER "OPTION..." POD...: port 80 of TCP and UDP, on port 8080 of the pods.
expose() {
	local name=$1 number=$2 options=$3
	shift 3
	# shellcheck disable=SC2086 # a list
	put_service "$name" "$number" "$PORTS_BOTH" $options
	put_pods "$name" "$@"
}

has_endpoints() {
	weft "$1" get services -o json | jq -e --arg name "$2" --argjson count "$3" \
		'map(select(.name == $name)) | length > 0 and all(.endpoints == $count)' >/dev/null
}

# await NODE SERVICE COUNT: until so many endpoints of it take new connections.
await() {
	if ! wait_for 5 has_endpoints "$@"; then
		say "service $2 never had $3 endpoints:"
		weft "$1" get services -o json | jq -c --arg name "$2" '.[] | select(.name == $name)' >&2
		return 1
	fi
}
