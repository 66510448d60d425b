#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sudo scripts/demo.sh: two nodes of pods with Go services, weft between them, and what it promises, seen.
set -euo pipefail

NAMESPACE=shop
# shellcheck source=../tests/live/mesh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tests/live/mesh.sh"

DEMO=${DEMO:-weft-demo} # names everything that the demo makes
APPS=$ROOT/build/apps
WEB=("web-1" "web-2" "web-3")
RPC=("rpc-1" "rpc-2")
WEB_PORTS="http/TCP/80/8080"
RPC_PORTS="grpc/TCP/9090/9090"
KEEP=0

usage() {
	cat <<-END
		usage: sudo scripts/demo.sh [--keep]
		       sudo scripts/demo.sh --run POD COMMAND...
		       sudo scripts/demo.sh --down

		Installs what is missing, builds weft and the Go services of tests/apps, makes two nodes of pods out of
		network namespaces and cgroups, and shows weft at work on them. Ends with status 0 only if all that it
		claims has happened, and leaves nothing behind.

		  --keep   leave everything up to play with; says how
		  --run    run a command in a pod of a demo that was kept: client, web-1, web-2, web-3, slow, rpc-1, rpc-2
		  --down   take down what --keep left
	END
}

if [ -t 1 ]; then
	BOLD=$'\e[1m' GREEN=$'\e[32m' RED=$'\e[31m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
	BOLD='' GREEN='' RED='' DIM='' PLAIN=''
fi

heading() { printf '\n%s== %s%s\n' "$BOLD" "$*" "$PLAIN"; }
tell() { printf '   %s\n' "$*"; }
shown() { sed "s/^/   $DIM/; s/\$/$PLAIN/"; }

# holds WHAT COMMAND...: a claim of the demo
holds() {
	local what=$1
	shift
	if "$@"; then
		printf '   %s✓%s %s\n' "$GREEN" "$PLAIN" "$what"
	else
		printf '   %s✗ %s: this did not hold%s\n' "$RED" "$what" "$PLAIN"
		exit 1
	fi
}

field() { jq -r "$2" <<<"$1"; }
true_of() { jq -e "$2" <<<"$1" >/dev/null; }

# ---- building up ----

build() {
	heading "Building weft and the Go services"
	"$ROOT/scripts/install-deps.sh"
	make -s -C "$ROOT" all
	mkdir -p "$APPS"
	# Under sudo the repository may belong to somebody else, whose git Go would refuse to ask.
	(cd "$ROOT/tests/apps" && HOME=${HOME:-/root} go build -buildvcs=false -o "$APPS/" ./...)
	tell "$("$WEFT" version | head -n 1); $(go version)"
}

make_pods() {
	local pod
	heading "Two nodes, a client and six servers, one of them slow"
	lab_make "$DEMO" "/run/$DEMO"
	node_add 1
	node_add 2
	node_join 1 2
	pod_add 1 client
	for pod in web-1 rpc-1; do pod_add 1 "$pod"; done
	for pod in web-2 web-3 rpc-2 slow; do pod_add 2 "$pod"; done
	for pod in "${WEB[@]}"; do pod_serve "$pod" env NAME="$pod" "$APPS/web"; done
	pod_serve slow env NAME=slow DELAY=20ms "$APPS/web"
	for pod in "${RPC[@]}"; do pod_serve "$pod" env NAME="$pod" "$APPS/rpc"; done
	for pod in client "${WEB[@]}" slow "${RPC[@]}"; do
		printf '   node%s  %-7s %-12s %s\n' "$(pod_node "$pod")" "$pod" "$(pod_ip4 "$pod")" "$(pod_ip6 "$pod")"
	done
	for pod in "${WEB[@]}" slow; do wait_for 10 serves http "http://$(pod_ip4 "$pod"):8080/" || die "$pod does not serve"; done
	for pod in "${RPC[@]}"; do wait_for 10 serves grpc "$(pod_ip4 "$pod"):9090" || die "$pod does not serve"; done
}

serves() {
	pod_run client "$APPS/client" -mode "$1" -target "$2" -duration 20ms -timeout 500ms 2>/dev/null |
		jq -e '.failures == 0 and .requests > 0' >/dev/null
}

put_web() { pods_yaml web "$WEB_PORTS" "" "$@" | put pods-web.yaml; }

start_weft() {
	local n
	heading "weft: one agent per node, from a directory of Kubernetes objects"
	put_service web 10 "$WEB_PORTS"
	put_service rpc 20 "$RPC_PORTS"
	put_web "${WEB[@]}"
	pods_yaml rpc "$RPC_PORTS" "" "${RPC[@]}" | put pods-rpc.yaml
	put_service dice 30 "$WEB_PORTS"
	put_service cart 40 "$WEB_PORTS" lb=ewma weft.dev/base-ejection-time=1s
	put_service near 50 "$WEB_PORTS" weft.dev/splice=on
	put_service front 60 "$WEB_PORTS"
	put_service next 61 "$WEB_PORTS"
	pods_yaml next "$WEB_PORTS" "" slow | put pods-next.yaml
	pods_yaml near "$WEB_PORTS" "" web-1 | put pods-near.yaml
	for n in dice cart; do pods_yaml "$n" "$WEB_PORTS" "" "${WEB[@]}" slow | put "pods-$n.yaml"; done
	for n in 1 2; do
		agent_up "$n"
		AGENTS[n]=$AGENT
	done
	weft 1 get services | shown
	holds "the services are in the kernel, for IPv4 and IPv6" has_endpoints 1 cart 4
}

# ---- traffic ----

# ask MODE TARGET ARGUMENT...: the client, waited for
ask() { pod_run client "$APPS/client" -mode "$1" -target "$2" "${@:3}"; }

# ask_start NAME MODE TARGET ARGUMENT...: in the background until ask_end NAME, whose line of JSON is in REPORT
ask_start() {
	pod_start client "$LAB/tmp/$1" "$APPS/client" -mode "$2" -target "$3" "${@:4}"
	ASKING[$1]=$STARTED
}

ask_end() {
	end "${ASKING[$1]}"
	cat "$LAB/tmp/$1.err" >&2
	REPORT=$(<"$LAB/tmp/$1")
	TOTAL=$((TOTAL + $(field "$REPORT" .requests)))
}

chart() {
	# shellcheck disable=SC2016 # jq's variable
	field "$1" '.requests as $all | .by_endpoint | to_entries | sort_by(.key)[] | "\(.key) \(.value) \(100 * .value / $all)"' |
		awk '{
			bar = ""
			for (i = 0; i < $3 / 2; i++)
				bar = bar "#"
			printf "   %-8s %7d  %5.1f %%  %s\n", $1, $2, $3, bar
		}'
}

speed() { tell "$(field "$1" '"\(.requests) requests, \(.per_second | floor) a second, p50 \(.p50_us) us, p99 \(.p99_us) us"')"; }

# Each of COUNT endpoints has its share, within five standard deviations.
is_even() {
	true_of "$1" "(.by_endpoint | length) == $2 and
		((.requests / $2) as \$share | .by_endpoint | all((. - \$share | fabs) < 5 * (\$share | sqrt)))"
}

clean() { true_of "$1" '.failures == 0 and .requests > 100'; }

show_spread() {
	local report target
	heading "The spread: a new connection for each request"
	for target in "http http://$(vip4 10)/" "http http://[$(vip6 10)]/" "grpc $(vip4 20):9090"; do
		read -ra target <<<"$target"
		tell "${target[*]}"
		report=$(ask "${target[@]}" -concurrency 4 -duration 2s)
		TOTAL=$((TOTAL + $(field "$report" .requests)))
		chart "$report"
		speed "$report"
		holds "no request failed" clean "$report"
		holds "every endpoint has its share" is_even "$report" "$([ "${target[0]}" = http ] && echo 3 || echo 2)"
	done
}

show_removal() {
	local before
	heading "web-2 leaves its slice while requests run"
	ask_start web http "http://$(vip4 10)/" -concurrency 2
	sleep 2
	before=${EPOCHREALTIME/./}
	put_web web-1 web-3
	wait_for 5 has_endpoints 1 web 2 || die "the change never came to the kernel"
	tell "from the renamed file to two endpoints in the kernel: $(((${EPOCHREALTIME/./} - before) / 1000)) ms, with the asking"
	sleep 2.2
	ask_end web
	field "$REPORT" '.timeline | to_entries[] | "second \(.key + 1): \(.value.by_endpoint | tojson)"' | shown
	holds "no request failed" clean "$REPORT"
	holds "web-2 was asked before" true_of "$REPORT" '.timeline[0].by_endpoint["web-2"] > 0'
	holds "and not in the last whole second" true_of "$REPORT" \
		'.timeline[-2].by_endpoint | .["web-2"] == null and .["web-1"] > 0 and .["web-3"] > 0'
	put_web "${WEB[@]}"
	wait_for 5 has_endpoints 1 web 3 || die "web-2 never came back"
}

put_route() {
	put route.yaml <<-END
		apiVersion: gateway.networking.k8s.io/v1alpha2
		kind: TCPRoute
		metadata: {name: canary, namespace: $NAMESPACE}
		spec:
		  parentRefs: [{group: "", kind: Service, name: front, port: 80}]
		  rules:
		  - backendRefs: [{name: web, port: 80, weight: $1}, {name: next, port: 80, weight: $2}]
	END
}

show_route() {
	heading "TCPRoute: 10 % of new connections to the next version, then all of them"
	put_route 90 10
	wait_for 5 routes 10 || die "the route never came to the kernel"
	weft 1 get routes | shown
	REPORT=$(ask http "http://$(vip4 60)/" -concurrency 4 -duration 1s)
	TOTAL=$((TOTAL + $(field "$REPORT" .requests)))
	chart "$REPORT"
	holds "no request failed" clean "$REPORT"
	holds "the next version (slow) got its share of connections" within "$(share "$REPORT" slow)" 4 16
	put_route 0 100
	wait_for 5 routes 100 || die "the new weights never came to the kernel"
	REPORT=$(ask http "http://$(vip4 60)/" -concurrency 8 -duration 1s)
	TOTAL=$((TOTAL + $(field "$REPORT" .requests)))
	holds "with the weights turned round it got all of them" [ "$(share "$REPORT" slow)" = 100 ]
	holds "and none failed" clean "$REPORT"
}

routes() { weft 1 get routes -o json | jq -e ".[0].backends[1].weight == $1" >/dev/null; }

show_kill() {
	heading "kill -9 for the agent while requests run"
	ask_start web http "http://$(vip4 10)/" -concurrency 2
	ask_start rpc grpc "$(vip4 20):9090"
	sleep 0.5
	agent_kill "${AGENTS[1]}"
	holds "the agent of node1 is dead (it was process ${AGENTS[1]})" is_gone "${AGENTS[1]}"
	sleep 1.5
	ask_end web
	speed "$REPORT"
	holds "HTTP: no request failed, all three endpoints answered" is_even "$REPORT" 3
	holds "HTTP: none at all" clean "$REPORT"
	ask_end rpc
	speed "$REPORT"
	holds "gRPC: no request failed" clean "$REPORT"
	agent_up 1
	AGENTS[1]=$AGENT
	shown <"$(agent_log 1)"
	holds "a new agent took over what was there" file_has "$(agent_log 1)" '^adopted'
}

# share REPORT NAME: percent of its requests
within() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]; }

share() { field "$1" ".requests as \$all | 100 * (.by_endpoint[\"$2\"] // 0) / \$all | floor"; }

show_load() {
	local dice
	heading "One endpoint of four answers after 20 ms: chosen by chance, then by response time (ewma)"
	dice=$(ask http "http://$(vip4 30)/" -concurrency 8 -duration 2s)
	TOTAL=$((TOTAL + $(field "$dice" .requests)))
	tell "random"
	chart "$dice"
	speed "$dice"
	REPORT=$(ask http "http://$(vip4 40)/" -concurrency 8 -duration 2s)
	TOTAL=$((TOTAL + $(field "$REPORT" .requests)))
	tell "ewma"
	chart "$REPORT"
	speed "$REPORT"
	holds "no request failed" clean "$REPORT"
	holds "by chance the slow one got its quarter of requests" [ "$(share "$dice" slow)" -ge 15 ]
	holds "by response time hardly any" [ "$(share "$REPORT" slow)" -le 5 ]
	tell "weft explain: why"
	pod_start client "$LAB/tmp/sleep" sh -c 'echo here; exec sleep 60'
	wait_for 5 file_has "$LAB/tmp/sleep" here || die "no process of the client's pod runs"
	ns_run node1 "$WEFT" explain "$STARTED" "shop/cart:80" --bpffs "$LAB_BPF/node1" >"$LAB/tmp/explained"
	end "$STARTED"
	shown <"$LAB/tmp/explained"
	holds "it names each of the four endpoints" [ "$(grep -c 10.244 "$LAB/tmp/explained")" -ge 4 ]
}

# Keep-alive connections to the pod next door.
ask_near() {
	REPORT=$(ask http "http://$(vip4 50)/" -keep-alive -concurrency 4 -duration "$1")
	TOTAL=$((TOTAL + 4))
}

show_splice() {
	local before redirected passed
	heading "weft.dev/splice: bytes between two pods of a node, from socket to socket"
	weft 1 splice off | shown
	ask_near 1s
	tell "switched off ('weft splice off'), through the network stack"
	speed "$REPORT"
	holds "no request failed" clean "$REPORT"
	holds "nothing was handed over" [ "$(counted splice_redirect_msgs)" = 0 ]
	weft 1 splice on | shown
	# The first connection to a program is watched: would its sockets block?
	ask_near 100ms
	before=$(counted splice_redirect_msgs)
	passed=$(counted splice_pass_msgs)
	ask_near 1s
	tell "switched on"
	speed "$REPORT"
	redirected=$(($(counted splice_redirect_msgs) - before)) passed=$(($(counted splice_pass_msgs) - passed))
	weft 1 get splices | shown
	holds "no request failed" clean "$REPORT"
	holds "$redirected messages never saw the network stack, $passed did" [ $((redirected * 10)) -ge $(((redirected + passed) * 9)) ]
	holds "and each request and its answer is among them" [ $((redirected + passed)) -ge $((2 * $(field "$REPORT" .requests))) ]
}

endpoint_health() {
	weft 1 get endpoints -o json | jq -r --arg name "$1" --arg address "$2" \
		'map(select(.service == $name and .address == $address))[0].health'
}

is_health() { [ "$(endpoint_health cart "$(pod_ip4 web-2)")" = "$1" ]; }

counted() { weft 1 get stats "$1" -o json | jq '.[0].value'; }

show_dying() {
	local failures moved monitor
	heading "The process of web-2 dies, and nobody tells weft"
	in_cgroup "$LAB_CGROUP/agents" node1 "$WEFT" monitor --bpffs "$LAB_BPF/node1" -v --kind ejected,readmitted,rescued \
		>"$LAB/tmp/monitor" 2>"$LAB/tmp/monitor.err" </dev/null &
	monitor=$!
	wait_for 5 file_has "$LAB/tmp/monitor.err" listening || die "the monitor does not listen"
	ask_start cart http "http://$(vip4 40)/"
	sleep 0.5
	echo 1 >"$(pod_cgroup web-2)/server/cgroup.kill"
	wait_for 5 is_health ejected || die "web-2 was not ejected"
	weft 1 get endpoints cart -o wide | grep -F -e ADDRESS -e 10.244 | shown
	wait_for 5 file_has "$LAB/tmp/monitor" ejected || die "the monitor does not tell of the ejection"
	weft 1 top --once --interval 1 | shown
	pod_serve web-2 env NAME=web-2 "$APPS/web"
	wait_for 10 is_health active || die "web-2 was not readmitted"
	wait_for 5 file_has "$LAB/tmp/monitor" readmitted || die "the monitor does not tell of the return"
	end "$monitor"
	tell "weft monitor:"
	cut -c 1-160 "$LAB/tmp/monitor" | head -n 8 | shown
	sleep 1.5
	ask_end cart
	failures=$(field "$REPORT" .failures) moved=$(counted rescued)
	weft 1 get stats | grep -e NAME -e rescue -e ejected -e readmitted | shown
	holds "it refused $moved connects: the kernel sent each to another endpoint, and counted it against this one" \
		[ $((moved + failures)) -ge 5 ]
	holds "weft monitor saw it happen" [ "$(grep -c rescued "$LAB/tmp/monitor")" -ge 1 ]
	holds "requests that failed: $failures, that is what was under way when it died" within "$failures" 0 1
	holds "and it serves again" true_of "$REPORT" '.timeline[-1].by_endpoint["web-2"] + .timeline[-2].by_endpoint["web-2"] > 0'
}

show_rows() {
	local balanced
	heading "The same rows by bpftool, which knows nothing of weft"
	bpftool map dump pinned "$LAB_BPF/node1/names" | sed -n '1,11p' | shown
	bpftool -j map dump pinned "$LAB_BPF/node1/services" |
		jq -c '.[].formatted | {port: .key.port, protocol: .key.protocol, address: (.key.address.bytes | map(tostring) | join(" ")),
			slot_count: .value.slot_count, generation: .value.generation}' | shown
	balanced=$(counted connect_balanced)
	weft 1 get stats | grep -v ' 0$' | shown
	holds "the kernel counted $balanced balanced connects, the client made $TOTAL requests" [ "$balanced" -ge "$TOTAL" ]
}

# ---- taking down ----

take_down() {
	lab_name "$DEMO" "/run/$DEMO"
	lab_destroy
}

is_up() { [ -e "/run/$DEMO" ] || [ -e "$(cgroup2_mount)/$DEMO" ]; }

explain() {
	local self=scripts/demo.sh
	heading "Kept"
	cat <<-END
		   The objects are in $LAB_SOURCE: edit or remove one, and see what follows in
		     build/weft get endpoints --bpffs $LAB_BPF/node1
		   Ask from the client's pod:
		     $self --run client build/apps/client -target http://$(vip4 10)/ -duration 3s
		     $self --run client build/apps/client -mode grpc -target $(vip4 20):9090 -duration 3s
		   The agent's log is $(agent_log 1), its process id ${AGENTS[1]}.
		   Take all down:
		     sudo $self --down
	END
}

on_exit() {
	local status=$?
	trap - EXIT
	if [ "$KEEP" = 1 ] && [ "$status" = 0 ]; then
		return
	fi
	[ "$status" = 0 ] || printf '\n%sThe demo failed (status %s).%s\n' "$RED" "$status" "$PLAIN"
	take_down
	exit "$status"
}

demo() {
	! is_up || die "a demo is up already; 'scripts/demo.sh --down' takes it down"
	declare -Ag ASKING=()
	AGENTS=() TOTAL=0
	trap on_exit EXIT
	trap 'exit 130' INT TERM HUP
	build
	make_pods
	start_weft
	show_spread
	show_removal
	show_route
	show_kill
	show_load
	show_splice
	show_dying
	show_rows
	if [ "$KEEP" = 1 ]; then
		explain
		return
	fi
	heading "Cleaning up"
	take_down
	holds "no process, namespace, cgroup, mount or pin is left" nothing_left
	printf '\n%sAll of it held, in %s s.%s\n' "$GREEN" "$SECONDS" "$PLAIN"
}

nothing_left() {
	! is_up && ! grep -qF "/run/$DEMO" /proc/self/mountinfo && [ -z "$(find /run/netns -name "$DEMO-*" 2>/dev/null)" ]
}

[ "$(id -u)" = 0 ] || [ "${1-}" = --help ] || [ "${1-}" = -h ] || die "must be run as root"
case ${1-} in
-h | --help) usage ;;
--down) take_down ;;
--run)
	[ $# -ge 3 ] || { usage >&2; exit 2; }
	is_up || die "no demo is up; 'scripts/demo.sh --keep' makes one"
	lab_name "$DEMO" "/run/$DEMO"
	pod_run "${@:2}"
	;;
--keep)
	KEEP=1
	demo
	;;
'') demo ;;
*)
	usage >&2
	exit 2
	;;
esac
