#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# weft top in a real terminal, and one frame of it.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

export TMUX_TMPDIR=$LAB/tmp

# Its server ends with the processes of the agents' cgroup.
tm() { (in_cgroup "$LAB_CGROUP/agents" node1 env -u TMUX LC_ALL=C.UTF-8 tmux -L weft -f /dev/null "$@"); }

# terminal COLUMNS LINES COMMAND...: a shell in it, which runs the command when it is there.
terminal() {
	local columns=$1 lines=$2
	shift 2
	command -v tmux >/dev/null || skip "tmux is not installed"
	tm new-session -d -s t -x "$columns" -y "$lines" "env PS1='$ ' bash --norc --noprofile"
	wait_for 5 shows '^\$' || fail "no shell: $(screen)"
	press "$*" Enter
}
screen() { tm capture-pane -p -t t; }
press() { tm send-keys -t t "$@"; }
shows() { screen | grep -qE -e "$1"; }
sees() { wait_for 5 shows "$1" || fail "the screen has no '$1': $(screen)"; }

TOP="$WEFT top --bpffs $LAB_BPF/node1"

top_screen() {
	expose web 80 "" a1 b1
	expose idle 81 "" a2
	agent_up 1
	await 1 web 2
	load c1 -c 50 tcp4 "$(vip tcp4 80)" >/dev/null
	terminal 80 24 "$TOP"
	sees "live/web "
	screen
	press Enter
	sees "$(pod_ip4 a1):8080"
	screen
	press '?'
	sees "any key"
	screen
	press x
	press q
	sees '^\$'
	screen
	$TOP --once
	$TOP --once -o json
}

test_add top/screen top_screen
