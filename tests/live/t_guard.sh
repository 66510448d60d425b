#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A pod sends from its own addresses only.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

# The routed pod with addresses that are not its own, and who counts what comes from them.
guarded_pod() {
	pod_add_routed 1 guarded
	trap guarded_end EXIT
	ip -n "$LAB_NS-guarded" address add 10.99.0.1/32 dev lo
	ip -n "$LAB_NS-guarded" address add fd00:99::1/128 dev lo nodad
	ns_run a1 nft -f - <<-END
		table inet weft-test {
			counter four { }
			counter six { }
			chain c {
				type filter hook prerouting priority -300;
				ip saddr 10.99.0.1 counter name four
				ip6 saddr fd00:99::1 counter name six
			}
		}
	END
}

guarded_end() {
	ns_run a1 nft delete table inet weft-test
	pod_del guarded
}

arrived() { ns_run a1 nft list counter inet weft-test "$1" | awk '$1 == "packets" { print $2 }'; }

guarded_asks() { does guarded "$1" "bind=$2/0" "connect=$(pod_ip "$1" a1)/8080" ask; }

guard_holds() {
	guarded_pod
	agent_up 1
	mark 1
	is "$(guarded_asks udp4 "$(pod_ip4 guarded)")" "bind ok; connect ok; ask a1"
	is "$(guarded_asks udp6 "$(pod_ip6 guarded)")" "bind ok; connect ok; ask a1"
	is "$(guarded_asks tcp4 "$(pod_ip4 guarded)")" "bind ok; connect ok; ask a1"
	counts 1 spoofed 0
	guarded_asks udp4 10.99.0.1 >/dev/null
	guarded_asks udp6 fd00:99::1 >/dev/null
	counts 1 spoofed 2
	is "$(arrived four) $(arrived six)" "0 0" "packets that came through"
}

guard_is_let_off() {
	guarded_pod
	agent_up 1 --allow-spoofing "$(pod_link guarded)"
	mark 1
	guarded_asks udp4 10.99.0.1 >/dev/null
	guarded_asks udp6 fd00:99::1 >/dev/null
	counts 1 spoofed 0
	is "$(arrived four) $(arrived six)" "1 1" "packets that came through"
}

# Of a pod on the bridge no address is known.
guard_leaves_bridged() {
	agent_up 1
	mark 1
	ip -n "$LAB_NS-c2" address add 10.244.1.200/32 dev lo
	# shellcheck disable=SC2064 # now
	trap "ip -n $LAB_NS-c2 address del 10.244.1.200/32 dev lo" EXIT
	is "$(does c2 udp4 "bind=10.244.1.200/0" "connect=$(pod_ip4 a1)/8080" ask)" "bind ok; connect ok; ask a1"
	counts 1 spoofed 0
}

test_add guard/holds guard_holds
test_add guard/let-off guard_is_let_off
test_add guard/bridged guard_leaves_bridged
