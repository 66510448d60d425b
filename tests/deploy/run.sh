#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The container image, the manifests and the Helm chart, without a cluster. Prints a PASS, FAIL or SKIP line for each.
# shellcheck disable=SC2317 # the steps are called by name
set -euo pipefail
cd "$(dirname "$0")/../.."

# All mounts, processes and interfaces are in namespaces of its own, and end with them.
[ "${DEPLOY_INNER-}" = 1 ] ||
	DEPLOY_INNER=1 exec setpriv --pdeathsig KILL unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc "$0" "$@"

# shellcheck source=tools.sh
. tests/deploy/tools.sh

WEFT=${WEFT:-build/weft}
AT=127.0.0.1:19338
OWN=weft-deploy-$$-$RANDOM
MOST_BYTES=15000000
failed=0

die() {
	echo "FAIL deploy/$*"
	exit 1
}

[ -x "$WEFT" ] || die "there is no $WEFT; build first"
cgroup2=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
[ -n "$cgroup2" ] || die "no cgroup2 is mounted"
work=$(mktemp -d)
root=$work/root

# What a step started ends with the process id namespace.
cleanup() {
	[ ! -e "$work/containerd.pid" ] || kill -KILL "$(<"$work/containerd.pid")" 2>/dev/null || true
	find "${cgroup2%/*}" -maxdepth 2 -type d -name "$OWN" -exec rmdir {} \; 2>/dev/null || true
	umount -R -l "$root" 2>/dev/null || true
	rmdir "$cgroup2/$OWN" 2>/dev/null || true
	awk -v work="$work/" 'index($5, work) == 1 { print $5 }' /proc/self/mountinfo | tac | xargs -r umount -l
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT

# step NAME COMMAND...: a line for it, and what it printed if it failed
step() {
	local name=$1 status=0
	shift
	# Not as a condition: there a command that fails ends nothing.
	set +e
	(set -ex; "$@") >"$work/log" 2>&1
	status=$?
	set -e
	if [ "$status" = 0 ]; then
		echo "PASS deploy/$name"
	else
		echo "FAIL deploy/$name"
		tail -n 40 "$work/log" | sed 's/^/    /'
		failed=1
	fi
}

# The shell does not end at a command with "!" in front of it.
fails() { ! "$@"; }

skip() { echo "SKIP deploy/$1: $2"; }

# ---- the image ----

# Whatever the moment, the place, the mode of new files and the language.
image_is_equal() {
	scripts/image.sh --binary "$WEFT" --output "$work/image.tar"
	sleep 1
	(umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 TMPDIR=$work scripts/image.sh --binary "$WEFT" --output "$work/again.tar")
	cmp "$work/image.tar" "$work/again.tar"
	SOURCE_DATE_EPOCH=1 scripts/image.sh --binary "$WEFT" --output "$work/other.tar"
	fails cmp -s "$work/image.tar" "$work/other.tar"
	rm "$work/again.tar" "$work/other.tar"
}

of_image() { jq -r "$2" "$work/image/$1"; }

# Every name of a blob is its digest, and both indexes lead to the same.
image_is_consistent() {
	local blob manifest config layer
	mkdir "$work/image"
	tar -xf "$work/image.tar" -C "$work/image"
	for blob in "$work"/image/blobs/sha256/*; do
		[ "$(sha256sum <"$blob" | cut -d' ' -f1)" = "${blob##*/}" ]
	done
	[ "$(find "$work/image/blobs/sha256" -type f | wc -l)" = 3 ]
	[ "$(of_image index.json '.manifests[0].annotations["io.containerd.image.name"]')" = localhost/weft:0.1.0 ]
	[ "$(of_image manifest.json '.[0].RepoTags[0]')" = localhost/weft:0.1.0 ]
	manifest=blobs/sha256/$(of_image index.json '.manifests[0].digest | ltrimstr("sha256:")')
	config=blobs/sha256/$(of_image "$manifest" '.config.digest | ltrimstr("sha256:")')
	layer=blobs/sha256/$(of_image "$manifest" '.layers[0].digest | ltrimstr("sha256:")')
	[ "$(of_image manifest.json '.[0].Config')" = "$config" ]
	[ "$(of_image manifest.json '.[0].Layers[0]')" = "$layer" ]
	[ "$(of_image "$manifest" .layers[0].size)" = "$(stat -c %s "$work/image/$layer")" ]
	[ "$(of_image "$manifest" .config.size)" = "$(stat -c %s "$work/image/$config")" ]
	[ "$(of_image "$config" '.rootfs.diff_ids[0]')" = "sha256:$(zcat "$work/image/$layer" | sha256sum | cut -d' ' -f1)" ]
	mkdir "$root"
	tar -xzf "$work/image/$layer" -C "$root"
}

image_is_small() {
	local bytes
	bytes=$(stat -c %s "$work/image.tar")
	echo "$bytes bytes"
	[ "$bytes" -lt "$MOST_BYTES" ]
}

# The binary, what it is linked with, and no program beside it.
image_has_no_more() {
	local programs
	programs=$(find "$root" -type f -perm /111 ! -name '*.so*' -printf '/%P\n')
	[ "$programs" = /usr/sbin/weft ]
	# shellcheck disable=SC2012 # names without anything odd
	diff <(find "$root/usr" -name '*.so*' -printf '%f\n' | sort) \
		<(ldd "$WEFT" | awk '$2 == "=>" { print $1 } $1 ~ /^\// { sub(/.*\//, "", $1); print $1 }' | sort -u)
	[ -z "$(find "$root" -perm /6000)" ]
	[ -z "$(find "$root" ! -uid 0)$(find "$root" -type f -perm /022)" ]
	# Who takes an image on owes the licences of all that is in it.
	[ -s "$root/usr/share/doc/weft/copyright" ] && [ -s "$root/usr/share/doc/libc6/copyright" ]
}

image_refuses_what_is_wrong() {
	local status
	for words in "--tag Weft" "--tag weft" "--frob" "--tag"; do
		status=0
		# shellcheck disable=SC2086 # words
		scripts/image.sh $words --output "$work/never" || status=$?
		[ "$status" = 2 ]
	done
	status=0
	scripts/image.sh --binary "$work/none" || status=$?
	[ "$status" = 1 ]
	[ ! -e "$work/never" ]
}

# ---- the image at work ----

# As the DaemonSet has it: a root that cannot be written to, and no capability beside those that it is given. That of
# chroot itself is a runtime's.
in_image_with() {
	local capabilities=$1
	shift
	setpriv --bounding-set "-all,+sys_chroot$capabilities" --no-new-privs chroot "$root" "$@"
}
CAPABILITIES=,+bpf,+net_admin,+perfmon
in_image() { in_image_with "$CAPABILITIES" "$@"; }

prepare() {
	ip link set lo up
	mkdir "$cgroup2/$OWN"
	mount --bind "$root" "$root"
	mkdir -p "$root/source"
	cat >"$root/source/web.yaml" <<-END
		apiVersion: v1
		kind: Service
		metadata: {name: web, namespace: shop}
		spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}
	END
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount -t bpf weft-deploy "$root/sys/fs/bpf"
	mount --rbind -o ro "$cgroup2" "$root/sys/fs/cgroup"
	mount -o remount,bind,ro "$root"
}

runs() { [ "$(in_image weft version)" = "$("$WEFT" version)" ] && [ "$(in_image /weft version)" = "$("$WEFT" version)" ]; }

agent_begins() {
	(exec setpriv --bounding-set "-all,+sys_chroot$1" --no-new-privs chroot "$root" \
		weft agent --source file:/source --node n1 --cgroup "/sys/fs/cgroup/$OWN") >"$work/agent.log" 2>&1 </dev/null &
	agent=$!
}

is_ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://$AT/readyz")" = 200 ]; }

await_ready() {
	local try
	for ((try = 0; try < 300; try++)); do
		! is_ready || return 0
		kill -0 "$agent" || break
		sleep 0.1
	done
	cat "$work/agent.log"
	return 1
}

agent_runs_with_three_capabilities() {
	agent_begins "$CAPABILITIES"
	await_ready
	[ "$(awk '/^CapEff/ { print $2 }' "/proc/$agent/status")" = "$(printf '%016x' $((1 << 39 | 1 << 12 | 1 << 38 | 1 << 18)))" ]
	curl -s "http://$AT/metrics" >"$work/metrics"
	# As 'kubectl exec' would have it.
	in_image weft get services -o json | jq -e 'length == 1 and .[0].name == "web"'
	in_image weft get status -o json |
		jq -e 'map({(.name): .value}) | add | .source == "file" and ."source.complete" == "yes" and .agent == "running"'
	kill -TERM "$agent"
	wait "$agent"
	in_image weft unload
	[ ! -e "$root/sys/fs/bpf/weft" ]
}

# None of the three can be left out.
agent_needs_each_of_them() {
	local left_out
	for left_out in bpf net_admin perfmon; do
		agent_begins "${CAPABILITIES/,+$left_out/}"
		fails await_ready
		fails wait "$agent"
		in_image weft unload
	done
}

unload_stays() {
	local pid try
	(exec setpriv --bounding-set "-all,+sys_chroot$CAPABILITIES" --no-new-privs chroot "$root" weft unload --stay) \
		>"$work/stay" 2>&1 </dev/null &
	pid=$!
	for ((try = 0; try < 50; try++)); do
		! grep -q '^nothing is loaded$' "$work/stay" || break
		sleep 0.1
	done
	sleep 0.3
	kill -0 "$pid"
	kill -TERM "$pid"
	wait "$pid"
	grep -x 'nothing is loaded' "$work/stay"
}

metrics_are_clean() {
	grep -x "weft_ready 1" "$work/metrics"
	"$PROMTOOL" check metrics <"$work/metrics" 2>&1 | diff /dev/null -
}

# ---- the image in a container ----

ctr() { command ctr -a "$work/containerd.sock" -n "$OWN" "$@"; }

begin_containerd() {
	local try
	# What it makes elsewhere is to stay in here.
	mount -t tmpfs tmpfs /run
	mount -t tmpfs tmpfs /opt
	cat >"$work/containerd.toml" <<-END
		version = 2
		root = "$work/containerd"
		state = "$work/containerd-state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$work/containerd.sock"
	END
	containerd -c "$work/containerd.toml" >"$work/containerd.log" 2>&1 </dev/null &
	echo "$!" >"$work/containerd.pid"
	for ((try = 0; try < 100; try++)); do
		! ctr version >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	cat "$work/containerd.log"
	return 1
}

# contain NAME WORD...: as the DaemonSet has it: the runtime's seccomp filter, no new privileges, a root that cannot be
# written to, three capabilities, both directories of the node.
contain() {
	local name=$1 drop
	shift
	drop=$(printf -- '--cap-drop CAP_%s ' CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP \
		NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE)
	# shellcheck disable=SC2086 # a list
	exec ctr -a "$work/containerd.sock" -n "$OWN" run --rm --net-host --read-only --seccomp $drop --cap-add CAP_BPF \
		--cap-add CAP_NET_ADMIN --cap-add CAP_PERFMON \
		--mount "type=bind,src=$root/sys/fs/bpf,dst=/sys/fs/bpf,options=rbind:rw" \
		--mount "type=bind,src=$cgroup2,dst=/sys/fs/cgroup,options=rbind:ro" \
		--mount "type=bind,src=$root/source,dst=/source,options=rbind:ro" localhost/weft:0.1.0 "$name" "$@"
}

container_runs() {
	local pid
	begin_containerd
	ctr images import "$work/image.tar"
	(contain agent weft agent --source file:/source --node n1 --cgroup "/sys/fs/cgroup/$OWN") >"$work/agent.log" 2>&1 </dev/null &
	agent=$!
	await_ready
	pid=$(ctr tasks ls | awk '$1 == "agent" { print $2 }')
	[ "$(awk '/^(CapEff|NoNewPrivs|Seccomp):/ { printf "%s ", $2 }' "/proc/$pid/status")" = \
		"$(printf '%016x' $((1 << 39 | 1 << 12 | 1 << 38))) 1 2 " ]
	ctr tasks exec --exec-id get agent weft get services | grep -w web
	ctr tasks exec --exec-id status agent weft get status source.complete | grep -w yes
	ctr tasks kill -s TERM agent
	wait "$agent"
	(contain unload weft unload) | grep -x unloaded
	[ ! -e "$root/sys/fs/bpf/weft" ]
}

# ---- manifests and chart ----

manifests() {
	local name
	for name in "scripts/deploy/$1"/*.yaml; do
		[ "${name##*/}" = kustomization.yaml ] || { cat "$name"; echo ---; }
	done
}
render() { "$HELM" template weft scripts/deploy/chart -n weft-system "$@"; }
same() { /usr/bin/python3 tests/deploy/same.py "$@"; }
objects() { /usr/bin/python3 -c 'import json, sys, yaml; json.dump([o for o in yaml.safe_load_all(sys.stdin) if o], sys.stdout)'; }

kustomization_has_all() {
	local dir
	for dir in manifests uninstall; do
		diff <(sed -n 's/^- //p' "scripts/deploy/$dir/kustomization.yaml" | sort) \
			<(find "scripts/deploy/$dir" -type f ! -name kustomization.yaml -printf '%f\n' | sort)
	done
}

role_only_reads() {
	manifests manifests | objects | jq -e '
		map(select(.kind == "ClusterRole")) | length == 1 and (.[0].rules |
			all(.verbs == ["get", "list", "watch"]) and
			([.[] | .apiGroups[0] as $group | .resources[] | "\($group)/\(.)"] | sort) == ["/nodes", "/services",
				"discovery.k8s.io/endpointslices", "gateway.networking.k8s.io/referencegrants",
				"gateway.networking.k8s.io/tcproutes"])'
}

# What the pods may do, and what of the node is theirs.
pods_are_held_short() {
	local dir
	for dir in manifests uninstall; do
		manifests "$dir" | objects | jq -e '
			map(select(.kind == "DaemonSet"))[0].spec.template.spec |
			.hostPID != true and .hostIPC != true and .securityContext.seccompProfile.type == "RuntimeDefault" and
			(.volumes | all(.hostPath.path | IN("/sys/fs/bpf", "/sys/fs/cgroup"))) and
			(.containers + (.initContainers // []) | all(.securityContext |
				.privileged == false and .allowPrivilegeEscalation == false and .readOnlyRootFilesystem == true and
				.capabilities == {drop: ["ALL"], add: ["BPF", "NET_ADMIN", "PERFMON"]}))'
	done
}

# Every option that the DaemonSet gives is one that this binary has.
options_are_known() {
	local args
	mapfile -t args < <(manifests manifests | objects | jq -r '
		map(select(.kind == "DaemonSet"))[0].spec.template.spec.containers[0] | (.command[1:] + .args)[]')
	[ "${args[0]}" = agent ]
	"$WEFT" "${args[@]}" --help
	"$WEFT" unload --stay --help
}

kustomize_agrees() {
	local dir
	for dir in manifests uninstall; do
		"$KUBECTL" kustomize "scripts/deploy/$dir" >"$work/kustomize"
		manifests "$dir" >"$work/plain"
		same "$work/kustomize" "$work/plain"
	done
}

chart_agrees() {
	render >"$work/chart"
	manifests manifests >"$work/plain"
	same "$work/plain" "$work/chart"
	render --set uninstall=true >"$work/chart"
	manifests uninstall >"$work/plain"
	same "$work/plain" "$work/chart"
}

chart_lints() {
	"$HELM" lint --strict scripts/deploy/chart
	"$HELM" lint --strict scripts/deploy/chart --set uninstall=true
}

# rendered JQ OPTION...: holds for the container of the agent ($c) and its pod (.)
rendered() {
	local filter=$1
	shift
	render "$@" | objects | jq -e 'map(select(.kind == "DaemonSet"))[0].spec.template.spec | .containers[0] as $c | '"$filter"
}

# shellcheck disable=SC2016 # the filters have variables of their own
chart_values_do_what_they_say() {
	rendered '.hostPID == false and ($c.env | length) == 1'
	rendered '.hostPID and (.volumes | any(.hostPath.path == "/var/log/pods"))' --set privileges.hostPID=true
	rendered '$c.securityContext.capabilities.add == ["BPF", "NET_ADMIN", "PERFMON", "SYS_ADMIN"]' --set 'privileges.capabilities={SYS_ADMIN}'
	rendered '[$c.env[] | {(.name): .value}] | add | .KUBERNETES_SERVICE_HOST == "10.0.0.1" and .KUBERNETES_SERVICE_PORT == "6443"' \
		--set apiServer.host=10.0.0.1
	rendered '$c.args | contains(["--interfaces=cali*,veth*", "--uplink=eth1", "--cgroup=/sys/fs/cgroup/kube", "--without=splice", "-v"])' \
		--set 'interfaces.pods={cali*,veth*}' --set interfaces.uplink=eth1 --set cgroup=/sys/fs/cgroup/kube --set 'without={splice}' \
		--set 'extraArgs={-v}'
	rendered '($c.args | contains(["--listen=[::1]:9000"])) and $c.livenessProbe.httpGet.port == 9000 and $c.readinessProbe.httpGet.host == "::1"' \
		--set listen.host=::1 --set listen.port=9000
	rendered '$c | has("ports") | not'
	rendered '$c.ports == [{name: "metrics", containerPort: 19338}]' --set listen.host=
	rendered '($c.args | contains(["--listen=:19338"])) and $c.startupProbe.httpGet.host == "127.0.0.1"' --set listen.host=
	rendered '$c.image == "r.example/w@sha256:'"$(printf '0%.0s' {1..64})"'"' --set image.repository=r.example/w \
		--set "image.digest=sha256:$(printf '0%.0s' {1..64})"
}

chart_refuses_what_is_wrong() {
	local wrong
	for wrong in listen.port=0 listen.host=everywhere frob=1 image.pullPolicy=Sometimes 'interfaces.pods={a\,b}' \
		privileges.hostPID=maybe cgroup=kubepods maxUnavailable=0 seccompProfile.type=None; do
		fails render --set "$wrong"
	done
}

step image/equal image_is_equal
step image/consistent image_is_consistent
step image/small image_is_small
step image/no-more image_has_no_more
step image/refusals image_refuses_what_is_wrong
[ -d "$root/usr" ] || die "image: it could not be unpacked"
prepare >"$work/log" 2>&1 || { cat "$work/log"; die "image: cannot prepare to run it"; }
step image/runs runs
step image/agent agent_runs_with_three_capabilities
if PROMTOOL=$(get_promtool); then
	step metrics metrics_are_clean
else
	skip metrics "promtool is not installed, and could not be taken out of the package prometheus"
fi
step image/each-capability agent_needs_each_of_them
step image/unload-stays unload_stays
if command -v containerd >/dev/null && command -v ctr >/dev/null && command -v runc >/dev/null; then
	step image/container container_runs
else
	skip image/container "containerd or runc is not installed"
fi
step manifests/complete kustomization_has_all
step manifests/role role_only_reads
step manifests/pods pods_are_held_short
step manifests/options options_are_known
KUBECTL=$(command -v kubectl || echo "$CACHE/kubernetes/bin/kubectl")
if [ -x "$KUBECTL" ]; then
	step manifests/kustomize kustomize_agrees
else
	skip manifests/kustomize "there is no kubectl here"
fi
if HELM=$(get_helm); then
	step chart/agrees chart_agrees
	step chart/lint chart_lints
	step chart/values chart_values_do_what_they_say
	step chart/refusals chart_refuses_what_is_wrong
else
	skip chart "helm is not installed, and could not be built from its Go module"
fi
exit "$failed"
