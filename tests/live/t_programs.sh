#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Programs as they are used, over connections whose bytes go from socket to socket: every byte that they say arrives,
# in its order, and most of them went that way.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

PROBE=$ROOT/build/apps/probe
REAL=70 # the number of the service

# real_up PORTS POD...: weft, and a service that wants its bytes to go that way. The servers are started after it.
real_up() {
	local ports=$1
	shift
	put_service real "$REAL" "$ports" weft.dev/splice=on
	pods_yaml real "$ports" "" "$@" | put pods-real.yaml
	agent_up 1
	await 1 real $#
	mark 1
}

# at KIND [PORT]: as Go and others write it: "10.96.0.70:80", "[fd00:96::46]:80"
at() {
	case $1 in
	*6) echo "[$(vip6 "$REAL")]:${2:-80}" ;;
	*) echo "$(vip4 "$REAL"):${2:-80}" ;;
	esac
}

# spliced PERCENT BYTES: at least so many of the messages, and so many bytes in all. How much it is goes by which of the two
# the machine lets run, and with streams TCP takes over: these floors say that both ways were gone, often.
spliced() {
	local redirected passed
	redirected=$(counted 1 splice_redirect_msgs) passed=$(counted 1 splice_pass_msgs)
	weft 1 get stats -o json | jq -r 'map(select(.value > 0 and (.name | startswith("splice_"))) | "\(.name) \(.value)") | join(", ")'
	counts_least 1 splice_admitted 1
	counts_least 1 splice_redirect_bytes "$2"
	[ $((redirected * 100)) -ge $(((redirected + passed) * $1)) ] ||
		fail "only $redirected of $((redirected + passed)) messages went from socket to socket"
}

# starts POD COMMAND...: until something listens at its port 7000
starts() {
	local pod=$1
	shift
	pod_start "$pod" "$LAB/tmp/program-$pod" "$@"
	wait_for 10 listens "$pod" 7000 || fail "$pod does not serve: $(cat "$LAB/tmp/program-$pod" "$LAB/tmp/program-$pod.err")"
}

listens() { ns_run "$1" ss -tlnH "sport = :$2" | grep -q .; }

# probes POD ARGUMENT...: the line of JSON in REPORT
probes() {
	local pod=$1 status=0
	shift
	REPORT=$(pod_run "$pod" "$PROBE" "$@") || status=$?
	echo "$REPORT"
	[ "$status" = 0 ] || fail "probe $*: status $status"
}

# meets POD ARGUMENT...: to get to know the program: the first connections to it are watched
meets() {
	probes "$@"
	counts_least 1 splice_watched 1
	mark 1
}

# ---- Go ----

go_up() {
	real_up "http/TCP/80/7001 grpc/TCP/90/7000" a1
	starts a1 "$PROBE" serve 7001 7000
}

real_http() {
	go_up
	meets c1 echo "$(at "$1" 80)"
	probes c1 http "$(at "$1" 80)"
	is "$(field "$REPORT" '"\(.failures) \(.by.small) \(.by.chunked) \(.by.noticed)"')" "0 3600 156 1"
	# In both directions at once, as fast as it goes: TCP takes over where the reader does not keep up.
	spliced 3 4000000
}

real_grpc() {
	go_up
	probes c1 grpc "$(at "$1" 90)"
	is "$(field "$REPORT" '"\(.failures) \(.by.talk) \(.by.after) \(.by["call-off"])"')" "0 216 24 24"
	spliced 1 8000000
}

# ---- redis ----

redis() {
	local pod=$1
	shift
	starts "$pod" redis-server --port 7000 --bind '*' -::\* --protected-mode no --save '' --appendonly no --dir "$LAB/tmp" \
		--enable-debug-command yes --repl-diskless-sync-delay 0 --daemonize no "$@"
}

# What is asked beside: not through the service
asked() { pod_run c1 redis-cli -h "$(pod_ip4 a1)" -p 7000 "$@"; }

# Values of known bytes, there and back, through the service.
redis_values() {
	local size
	for size in 1 1000 65536 1000000 9000000; do
		head -c "$size" /dev/urandom >"$LAB/tmp/value"
		is "$(cli -x set "value-$size" <"$LAB/tmp/value")" OK "answer to a set of $size bytes"
		cli --raw get "value-$size" >"$LAB/tmp/got"
		echo >>"$LAB/tmp/value"
		cmp "$LAB/tmp/value" "$LAB/tmp/got" || fail "$size bytes came back as others"
	done
}

cli() { pod_run c1 redis-cli -h "$(vip "$KIND" "$REAL" | cut -d/ -f1)" -p 80 "$@"; }

# So many commands in one go, and one go of answers.
redis_pipe() {
	awk 'BEGIN { for (i = 0; i < 20000; i++) printf "SET pipe-%d %d\r\n", i, i * 7 }' | cli --pipe >"$LAB/tmp/pipe"
	matches "$(tail -n 1 "$LAB/tmp/pipe")" "^errors: 0, replies: 20000" "what came of a pipe"
	is "$(asked get pipe-12345)" 86415
	is "$(asked eval "local n = 0 for i = 0, 19999 do n = n + redis.call('get', 'pipe-' .. i) end return n" 0)" 1399930000 \
		"the sum of all values"
}

benchmark() { pod_run c1 redis-benchmark -h "$(vip "$KIND" "$REAL" | cut -d/ -f1)" -p 80 -q "$@" | tr '\r' '\n' | grep requests; }

redis_benchmark() {
	benchmark -t incr,lpush -n 60000 -c 20 -P 16
	is "$(asked get counter:__rand_int__)" 60000 "what so many increments came to"
	is "$(asked llen mylist)" 60000 "length of the list"
	benchmark -t incr -n 10000 -c 50
	is "$(asked get counter:__rand_int__)" 70000 "what so many increments came to"
	benchmark -t set,get -n 20000 -c 8 -P 16 -d 4096
	is "$(asked strlen key:__rand_int__)" 4096
	benchmark -t set,get -n 400 -c 8 -d 400000
	is "$(asked strlen key:__rand_int__)" 400000
	benchmark -t lrange_600 -n 4000 -c 8 -P 4
}

# Everything that one server knows goes to another one through the service.
redis_replica() {
	redis a2 --replicaof "$(vip "$KIND" "$REAL" | cut -d/ -f1)" 80
	wait_for 30 is_replica || fail "it never became a replica: $(tail -n 5 "$LAB/tmp/program-a2")"
	benchmark -t set -n 20000 -r 10000 -c 8 -P 16 -d 1000
	is "$(asked wait 1 5000)" 1 "replicas that have all of it"
	is "$(pod_run a2 redis-cli -p 7000 debug digest)" "$(asked debug digest)" "digest of all that the replica knows"
}

is_replica() { pod_run a2 redis-cli -p 7000 info replication | grep -q "^master_link_status:up"; }

real_redis() {
	KIND=$1
	real_up "$ODD_PORTS" a1
	redis a1
	probes c1 redis "$(at "$1")"
	is "$(field "$REPORT" '"\(.failures) \(.by.value) \(.by.pipeline)"')" "0 144 32"
	redis_benchmark
	redis_replica
	spliced 40 50000000
}

# It connects without waiting, as its library does, and waits in recv() afterwards.
real_redis_cli() {
	local i
	KIND=$1
	real_up "$ODD_PORTS" a1
	redis a1
	for i in {1..8}; do redis_values; done
	redis_pipe
}

# The same without redis: what a blocking recv() returns is no error, and never EAGAIN.
real_turns_blocking() {
	local bytes
	real_up "$ODD_PORTS" a1
	starts a1 "$ROOT/build/live/pace" serve "$(pod_ip4 a1)/7000" "$(pod_ip6 a1)/7000"
	for bytes in 64 65536 1048576; do
		pod_run c1 "$ROOT/build/live/pace" ask -w -m 1000 -b "$bytes" "$(vip "$1" "$REAL")" ||
			fail "a client that waits in recv() failed with requests of $bytes bytes"
	done
}

# ---- memcached ----

real_memcached() {
	real_up "$ODD_PORTS" a1
	starts a1 memcached -u root -p 7000 -m 200 -t 4
	meets c1 memcached "$(at "$1")"
	probes c1 memcached "$(at "$1")"
	is "$(field "$REPORT" '"\(.failures) \(.by.other) \(.by.pipeline)"')" "0 64 64"
	spliced 50 8000000
}

# ---- nginx ----

# nginx_up POD LOCATIONS: the configuration of a server, with its files below a directory of the test
nginx_up() {
	local pod=$1 dir=$LAB/tmp/nginx-$1
	mkdir -p "$dir/www"
	cat >"$dir/nginx.conf" <<-END
		user root;
		worker_processes 2;
		daemon off;
		pid pid;
		error_log stderr warn;
		events { worker_connections 256; }
		http {
			access_log off;
			client_body_temp_path body;
			proxy_temp_path proxy;
			fastcgi_temp_path fastcgi;
			uwsgi_temp_path uwsgi;
			scgi_temp_path scgi;
			server {
				listen 7000;
				listen [::]:7000;
				client_max_body_size 100m;
				$2
			}
		}
	END
	starts "$pod" nginx -p "$dir" -c "$dir/nginx.conf" -e stderr
}

real_nginx() {
	local size dir=$LAB/tmp/nginx-a1 sizes=(1 1000 65536 1000000 6000000)
	real_up "$ODD_PORTS" a1
	nginx_up a1 "location /copied/ { alias $dir/www/; sendfile off; } location /sent/ { alias $dir/www/; sendfile on; }"
	for size in "${sizes[@]}"; do head -c "$size" /dev/urandom >"$dir/www/$size"; done
	for way in copied sent; do
		probes c1 files "http://$(at "$1")/$way" "$dir/www"
		# Of one byte there is no third.
		is "$(field "$REPORT" '"\(.failures) \(.by.whole) \(.by.range)"')" "0 200 160"
	done
	spliced 2 4000000
}

# With "auto" a kernel that tells a member of the map the wrong number of bytes to read leaves TCP as it is: without
# that number nginx does not proxy.
real_proxy() {
	put_service real "$REAL" "http/TCP/80/7000 grpc/TCP/90/7002" weft.dev/splice=auto
	pods_yaml real "http/TCP/80/7000 grpc/TCP/90/7002" "" a1 | put pods-real.yaml
	put_service back 71 "http/TCP/80/7001" weft.dev/splice=auto
	pods_yaml back "http/TCP/80/7001" "" a2 | put pods-back.yaml
	agent_up 1
	await 1 real 1
	await 1 back 1
	mark 1
	starts a2 "$PROBE" serve 7001 7000
	nginx_up a1 "location / { proxy_pass http://$(vip4 71):80; proxy_http_version 1.1; proxy_request_buffering off; }"
	probes c1 echo "$(at "$1")"
	is "$(field "$REPORT" '"\(.failures) \(.by.small) \(.by.chunked)"')" "0 3600 156"
}

program_test() {
	local name=$1 command=$2 kind
	shift 2
	for kind in "$@"; do
		if [ -n "$(command -v "$command")" ]; then
			test_add "splice/real-${name/_/-}-$kind" "real_$name" "$kind"
		else
			test_add "splice/real-${name/_/-}-$kind" skip "there is no ${command##*/}"
		fi
	done
}

program_test http "$PROBE" tcp4 tcp6
program_test grpc "$PROBE" tcp4 tcp6
program_test redis redis-server tcp4 tcp6
program_test redis_cli redis-server tcp4 tcp6
program_test turns_blocking "$ROOT/build/live/pace" tcp4 tcp6
program_test memcached memcached tcp4 tcp6
program_test nginx nginx tcp4 tcp6
program_test proxy nginx tcp4
