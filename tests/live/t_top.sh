#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# weft top in a real terminal: what it shows against what weft get says, keys, sizes, ends; and one frame of it.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

# Its server ends with the processes of the agents' cgroup.
tm() { (in_cgroup "$LAB_CGROUP/agents" node1 env -u TMUX TMUX_TMPDIR="$LAB/tmp" LC_ALL=C.UTF-8 tmux -L weft -f /dev/null "$@"); }

# terminal COLUMNS LINES [VARIABLE=VALUE...]: a shell in it
terminal() {
	local columns=$1 lines=$2
	shift 2
	command -v tmux >/dev/null || skip "tmux is not installed"
	tm new-session -d -s t -x "$columns" -y "$lines" env "PS1=$ " TERM=screen-256color "$@" bash --norc --noprofile
	sees '^\$'
}
run() { press "$* --bpffs $LAB_BPF/node1; echo ended \$?" Enter; }
screen() { tm capture-pane -p -t t "$@"; }
press() { tm send-keys -t t "$@"; }
shows() { screen | grep -qE -e "$1"; }
sees() { wait_for 5 shows "$1" || fail "the screen has no '$1': $(screen)"; }
# cell NAME COLUMN: of the line that begins with that
cell() { screen | awk -v name="$1" -v column="$2" 'index($0, name) == 1 { print $column; exit }'; }
cell_is() { [ "$(cell "$1" "$2")" = "$3" ]; }
first_is() { [ "$(screen | awk 'NR == 3 { print $1 }')" = "$1" ]; }
first() { wait_for 5 first_is "$1" || fail "$1 is not the first: $(screen)"; }
TOP="$WEFT top"

sum_of() { weft 1 get endpoints "$1" -o json | jq "map(.$2 // 0) | add"; }

# The figures are those of weft get, and the rate is that of the load.
top_figures() {
	local i rate="" p50
	expose_odd web 90 "lb=ewma" a1 b1
	expose_odd dead 91 "weft.dev/consecutive-failures=1" a2
	expose idle 92 ""
	odd a1 -d 20
	odd b1 -d 20
	agent_plain 1
	await 1 web 2
	hold c1 held 7 "$(vip4 90)/80"
	exchanges c1 -n 3 "$(vip4 91)/80" >/dev/null
	terminal 80 24
	run "$TOP"
	sees '^live/web '
	cell_is live/web 4 7 || fail "7 are held: $(screen)"
	is "$(cell live/web 4)" "$(sum_of web connections)" "live connections"
	is "$(cell live/dead 8)" "$(sum_of dead refused)" "failures"
	is "$(cell live/dead 2) $(cell live/dead 9)" "1/2 1" "ready and out"
	is "$(cell live/idle 2)" "0/0" "ready of a service without endpoints"
	pod_start c2 "$LAB/tmp/asking" "$EXCHANGE" ask -s 5 "$(vip4 90)/80"
	# One after another, each about 20 ms.
	for ((i = 0; i < 50; i++)); do
		rate=$(cell live/web 3)
		p50=$(cell live/web 5)
		[[ $rate =~ ^[34][0-9]$ && $p50 =~ ^[123][0-9]ms$ ]] && break
		sleep 0.1
	done
	[[ $rate =~ ^[34][0-9]$ && $p50 =~ ^[123][0-9]ms$ ]] || fail "not 40 a second, each 20 ms: $(screen)"
	first live/web
	press Enter
	sees "^$(pod_ip4 a1):7000/TCP +active"
	is "$(screen | awk '/7000\/TCP/ { sum += $4 } END { print (sum >= 7 && sum <= 8) }')" 1 "live connections of endpoints"
	press Escape
	sees '^live/dead '
	press F
	first live/dead
	press Enter
	sees "^$(pod_ip4 a2):7000/TCP +ejected"
	is "$(cell "$(pod_ip4 a2):7000/TCP" 8) $(cell "$(pod_ip4 a2):7000/TCP" 9)" "$(of dead a2 refused) $(of dead a2 ejections)"
	press q
	sees '^ended 0'
	let_go held
}

top_keys() {
	expose_odd web 93 "" a1
	odd a1
	expose cart 94 "" b1
	expose a-service-whose-name-is-much-longer-than-its-column 95 "" b2
	agent_up 1
	await 1 web 1
	await 1 cart 1
	hold c1 held 3 "$(vip4 93)/80"
	terminal 80 24
	run "$TOP --sort name"
	first 'live/a-service-whose-name…'
	press r
	first live/web
	press r l
	first live/web
	press /
	sees '^filter: '
	press c A r t
	sees "filter: cArt_"
	press Enter
	first live/cart
	! shows '^live/web ' || fail "the filter lets web through: $(screen)"
	press Escape
	sees '^live/web '
	press '?'
	sees 'half of the answers'
	press x
	sees '^SERVICE'
	press n j Down
	press Enter
	sees "live/web: 2 endpoints"
	press BSpace
	sees '^live/cart'
	narrow_and_wide
	press q
	sees '^ended 0'
	let_go held
}

# No line is wider than the terminal, none wraps, and the footer is the last.
narrow_and_wide() {
	local size columns lines
	for size in "60 10" "40 5" "132 40" "80 24"; do
		read -r columns lines <<<"$size"
		tm resize-window -t t -x "$columns" -y "$lines"
		wait_for 5 fits "$columns" "$lines" || fail "$columns x $lines: $(screen)"
	done
}
fits() {
	screen | sed 's/…/~/g' | awk -v columns="$1" -v lines="$2" '
		length($0) > columns || (NR == 1 && !/^weft top/) || (NR == 2 && !/^SERVICE/) || (NR == lines && !/^q quit/) { bad = 1 }
		END { exit bad || NR != lines }' && [ "$(screen | grep -c '^live/')" -ge 1 ]
}

# However it ends, the terminal is as it was.
top_ends() {
	local how before
	expose web 96 "" a1
	agent_up 1
	await 1 web 1
	terminal 80 24
	press 'stty -g' Enter
	sees '^[0-9a-f]+:[0-9a-f:]+'
	before=$(screen | grep -E '^[0-9a-f]+:[0-9a-f:]+')
	for how in q C-c TERM unload; do
		press clear Enter
		run "$TOP"
		sees '^live/web'
		case $how in
		TERM) kill -TERM "$(pgrep -f "^$TOP --bpffs $LAB_BPF/node1")" ;;
		unload)
			agent_end "$AGENT"
			weft_unload 1
			;;
		*) press "$how" ;;
		esac
		if [ "$how" = unload ]; then
			sees 'weft was unloaded'
			sees '^ended 1'
		else
			sees '^ended 0'
		fi
		press clear Enter 'stty -g' Enter
		wait_for 5 shows "^$before" || fail "the terminal after $how: $(screen), before: $before"
		press "echo seen" Enter
		sees '^seen'
		is "$(tm display-message -p -t t '#{cursor_flag} #{alternate_on}')" "1 0" "cursor and screen after $how"
	done
}

# Colours tell what is out, unless they are not wanted.
top_colours() {
	expose_odd dead 97 "weft.dev/consecutive-failures=1" a2
	agent_plain 1
	await 1 dead 1
	exchanges c1 -n 2 "$(vip4 97)/80" >/dev/null
	terminal 80 24
	run "$TOP --service dead --sort ejected"
	sees 'ejected'
	press j
	wait_for 5 is_red || fail "no red: $(screen -e)"
	press q
	sees '^ended 0'
	press clear Enter
	run "NO_COLOR=1 $TOP --service dead --sort ejected"
	sees 'ejected'
	press j
	sleep 0.3
	! is_red || fail "red in spite of NO_COLOR: $(screen -e)"
	press q
	sees '^ended 0'
}
is_red() { screen -e | grep ejected | grep -q $'\e\\[[0-9;]*31m'; }

top_once() {
	local frame json
	expose_odd web 98 "lb=ewma" a1 b1
	odd a1 -d 5
	odd b1 -d 5
	agent_plain 1
	await 1 web 2
	hold c1 held 4 "$(vip4 98)/80"
	exchanges c1 -n 20 "$(vip4 98)/80" >/dev/null
	frame=$(weft 1 top --once --interval 0.1)
	is "$(awk 'length($0) > 80' <<<"$frame")" "" "lines that are too wide"
	is "$(awk '$1 == "live/web" { print $2, $3, $4, $7, $8, $9 }' <<<"$frame")" "4/4 0 4 0 0 0" "$frame"
	is "$(wc -l <<<"$frame")" 3 "lines of $frame"
	json=$(weft 1 top --once --interval 0.1 -o json)
	is "$(field "$json" '.[0] | "\(.namespace) \(.name) \(.endpoints) \(.connections) \(.failed)"')" "live web 4 $(sum_of web connections) 0"
	between "$(field "$json" '.[0].p50_us')" 4096 8192 "p50 of answers that took 5 ms"
	json=$(weft 1 top --once --interval 0.1 --service live/web -o json)
	is "$(field "$json" 'map(.connections) | add') $(field "$json" 'length')" "4 4"
	expose other 99 "" a2
	await 1 other 1
	pod_start c2 "$LAB/tmp/asking" "$NET" load -r 100 -d 5 tcp4 "$(vip4 99)/80"
	json=$(weft 1 top --once --interval 2 -o json)
	between "$(field "$json" 'map(select(.name == "other"))[0].new_per_second')" 80 120 "connections a second"
	refuses 1 weft 1 top
	matches "$SAID" "no terminal"
	refuses 1 weft 1 top --once --service nothing
	refuses 2 weft 1 top --sort size
	refuses 2 weft 1 top --interval 0
	refuses 2 weft 1 top -o json
	let_go held
}

test_add top/figures top_figures
test_add top/keys top_keys
test_add top/ends top_ends
test_add top/colours top_colours
test_add top/once top_once
