#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A control plane on node1 of the lab: etcd, API server, controller manager. There is no kubelet: the lab's pods are told
# of by hand, and the real controllers make of them what they make of any.

BIN=$CACHE/bin
PLANE=$LAB/plane
ETCD_URL=http://127.0.0.1:12379

# plane_start NAME COMMAND...: in a cgroup of their own, which outlives a test
plane_start() {
	local name=$1
	shift
	mkdir -p "$LAB_CGROUP/plane"
	(cd "$PLANE" && in_cgroup "$LAB_CGROUP/plane" node1 "$@" >"$PLANE/$name.log" 2>&1 </dev/null &
		echo $! >"$PLANE/$name.pid")
}

plane_end() {
	local pid
	pid=$(<"$PLANE/$1.pid")
	kill -KILL "$pid" 2>/dev/null || true
	wait_for 10 is_gone "$pid" || die "$1 does not end"
}

make_keys() {
	(
		cd "$PLANE" || exit
		local curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
		openssl req -x509 "${curve[@]}" -keyout ca.key -out ca.crt -days 30 -subj /CN=ca
		openssl req "${curve[@]}" -keyout api.key -out api.csr -subj /CN=kube-apiserver
		printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >names
		openssl x509 -req -in api.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out api.crt -extfile names
		openssl ecparam -name prime256v1 -genkey -noout -out sa.key
		openssl ec -in sa.key -pubout -out sa.pub
		echo 'admintoken,admin,admin-uid,"system:masters"' >tokens
	) 2>/dev/null
}

# plane_config FILE PORT USER: a kubeconfig; USER is JSON
plane_config() {
	printf '{"apiVersion":"v1","kind":"Config","current-context":"t","contexts":[{"name":"t","context":{"cluster":"t","user":"t"}}],
		"clusters":[{"name":"t","cluster":{"server":"https://127.0.0.1:%s","certificate-authority":"%s"}}],
		"users":[{"name":"t","user":%s}]}\n' "$2" "$PLANE/ca.crt" "$3" >"$1"
}

# api_start PORT OPTION...: an API server; several can be there, with one etcd
api_start() {
	local port=$1
	shift
	plane_start "api-$port" "$BIN/kube-apiserver" --etcd-servers="$ETCD_URL" --bind-address=127.0.0.1 --secure-port="$port" \
		--advertise-address=198.51.100.1 --endpoint-reconciler-type=none --tls-cert-file=api.crt --tls-private-key-file=api.key \
		--client-ca-file=ca.crt --token-auth-file=tokens --authorization-mode=RBAC --cert-dir="$PLANE/certs-$port" \
		--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112 --service-account-key-file=sa.pub \
		--service-account-signing-key-file=sa.key --service-account-issuer=https://kubernetes.default.svc "$@"
	wait_for 60 api_ready "$port" || die "the API server at $port does not come up: $(tail -n 5 "$PLANE/api-$port.log")"
}

api_ready() {
	ns_run node1 "$BIN/kubectl" --kubeconfig "$(config_of "$1")" get --raw /readyz >/dev/null 2>&1
}

config_of() {
	[ -e "$PLANE/config-$1" ] || plane_config "$PLANE/config-$1" "$1" '{"token":"admintoken"}'
	echo "$PLANE/config-$1"
}

k() { ns_run node1 "$BIN/kubectl" --kubeconfig "$(config_of "${PORT:-16443}")" "$@"; }

has_account() { k get serviceaccount default >/dev/null 2>&1; }

suite_up() {
	mkdir -p "$PLANE"
	make_keys
	plane_start etcd "$BIN/etcd" --data-dir etcd --unsafe-no-fsync --listen-client-urls "$ETCD_URL" --advertise-client-urls "$ETCD_URL" \
		--listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 \
		--initial-cluster default=http://127.0.0.1:12380
	api_start 16443
	controllers_start
	printf 'apiVersion: v1\nkind: Node\nmetadata: {name: node%s, labels: {topology.kubernetes.io/zone: zone-%s}}\n---\n' 1 a 2 b | k apply -f - >/dev/null
}

controllers_start() {
	plane_start controllers "$BIN/kube-controller-manager" --kubeconfig="$(config_of 16443)" --leader-elect=false \
		--bind-address=127.0.0.1 --secure-port=16453 --cert-dir="$PLANE/certs-controllers" --service-account-private-key-file=sa.key \
		--root-ca-file=ca.crt --allocate-node-cidrs=false \
		--controllers='*,-node-ipam-controller,-ttl-controller,-node-lifecycle-controller,-pod-garbage-collector-controller,-taint-eviction-controller'
	wait_for 60 has_account || die "the controllers do not come up: $(tail -n 5 "$PLANE/controllers.log")"
}
