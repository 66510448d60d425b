#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What 'make install' installs: it is whole, it says what there is, and shells and systemd take it.

# shellcheck source=odd.sh
. "$LIVE/odd.sh"

INSTALLED=${LAB-}/tmp/root # listing the tests needs no lab

installs() { make -s -C "$ROOT" install DESTDIR="$INSTALLED" PREFIX=/usr >/dev/null; }

# A man page as plain text, each word of which can be sought.
page() { man -l -E ascii -P cat "$INSTALLED/usr/share/man/man${1##*.}/$1" 2>/dev/null | col -b; }

install_files() {
	installs
	is "$("$INSTALLED/usr/sbin/weft" version)" "$("$ROOT/build/weft" version)"
	(cd "$INSTALLED" && find . -type f | sort) >"$LAB/tmp/files"
	is "$(grep -c -e '^./usr/sbin/weft$' -e 'man8/weft.8$' -e 'man5/weft-maps.5$' -e 'man5/weft-objects.5$' \
		-e 'completions/weft$' -e '_weft$' -e 'weft.service$' -e '^./etc/default/weft$' "$LAB/tmp/files")" 8 "files of $(<"$LAB/tmp/files")"
	echo 'WEFT_OPTIONS="--verbose"' >"$INSTALLED/etc/default/weft"
	installs
	is "$(<"$INSTALLED/etc/default/weft")" 'WEFT_OPTIONS="--verbose"' "what the operator wrote"
	make -s -C "$ROOT" uninstall DESTDIR="$INSTALLED" PREFIX=/usr
	is "$(cd "$INSTALLED" && find . -type f)" ./etc/default/weft "what uninstall leaves"
}

# has_item PAGE SECTION WORD: in a heading of the section's list
has_item() {
	awk -v section="$2" '/^[A-Z]/ { inside = index($0, section) == 1 } inside && /^       [^ ]/' "$LAB/tmp/$1" |
		grep -qE -e "(^|[ ,;])$3([ ,;[]|\$)"
}

# The pages name each command, each option, each map and each annotation that there is.
install_pages() {
	local word
	installs
	page weft.8 >"$LAB/tmp/weft.8"
	page weft-maps.5 >"$LAB/tmp/weft-maps.5"
	page weft-objects.5 >"$LAB/tmp/weft-objects.5"
	for word in $("$WEFT" --help | awk '/^  [a-z]/ { print $1 }'); do
		has_item weft.8 COMMANDS "$word" || fail "weft(8) does not say what '$word' is"
	done
	for word in $(all_options); do
		has_item weft.8 OPTIONS "$word" || fail "weft(8) does not say what '$word' is"
	done
	agent_up 1
	for word in $(own_maps); do
		has_item weft-maps.5 MAPS "$word" || fail "weft-maps(5) does not have '$word'"
	done
	for word in $(grep -rhoE '"weft\.dev/[a-z-]+"' "$ROOT/user/source" | tr -d '"' | sort -u); do
		has_item weft-objects.5 ANNOTATIONS "$word" || fail "weft-objects(5) does not say what '$word' is"
	done
	for word in weft.8 weft-maps.5 weft-objects.5; do
		is "$(man -l --warnings -E UTF-8 -P cat "$INSTALLED/usr/share/man/man${word##*.}/$word" 2>&1 >/dev/null)" "" "complaints about $word"
	done
}

own_maps() { find "$LAB_BPF/node1" -maxdepth 1 -type f -printf '%f\n'; }

all_options() {
	local command
	"$WEFT" --help | awk '/^  [a-z]/ { print $1 }' | while read -r command; do
		"$WEFT" "$command" --help | grep -oE '^ .{5}--[a-z-]+' | grep -oE -e '--[a-z-]+'
	done | sort -u
}

# completes WORD...: what bash offers for the last one
completes() {
	bash --norc -c '. "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _weft; echo "${COMPREPLY[@]}"' _ \
		"$INSTALLED/usr/share/bash-completion/completions/weft" "$@"
}

install_bash() {
	installs
	is "$(completes weft ve)" version
	is "$(completes weft splice o)" "on off"
	is "$(completes weft get stats)" stats
	is "$(completes weft get stat)" "stats status"
	is "$(completes weft get services --out)" --output
	is "$(completes weft get services -o j)" json
	is "$(completes weft get services --namespace x)" ""
	is "$(completes weft load --cgroup "$LAB/tm")" "$LAB/tmp"
	is "$(completes weft load --out)" "" "an option that load does not take"
}

# In a shell that believes to have a terminal
install_zsh() {
	installs
	cat >"$LAB/tmp/zsh" <<-END
		zmodload zsh/zpty
		zpty shell zsh -f -i
		zpty -w shell 'PS1= fpath=($INSTALLED/usr/share/zsh/vendor-completions \$fpath); autoload -U compinit; compinit -u -D; echo re""ady'
		zpty -r shell answer '*ready*'
		zpty -w -n shell \$'weft get spl\t\C-a: \C-e >$LAB/tmp/zsh-1\n'
		zpty -w -n shell \$'weft drain --outp\t\C-a: \C-e >$LAB/tmp/zsh-2\n'
		zpty -w shell 'fc -ln -2 >$LAB/tmp/zsh-said; echo do""ne'
		zpty -r shell answer '*done*'
		zpty -d shell
	END
	timeout 20 zsh -f "$LAB/tmp/zsh" >"$LAB/tmp/zsh-log" 2>&1 || fail "zsh: $(<"$LAB/tmp/zsh-log")"
	matches "$(<"$LAB/tmp/zsh-said")" 'weft get splices' "what zsh made of 'spl'"
	matches "$(<"$LAB/tmp/zsh-said")" 'weft drain --output' "what zsh made of '--outp'"
}

answers() { is "$(field "$(exchanges c1 -n 20 "$(vip tcp4 "$1")")" '"\(.failures) \(.by_name.a1)"')" "0 20"; }

# As the service runs it: with three capabilities and no more.
install_service() {
	local unit=$INSTALLED/weft.service bounding
	installs
	# The one of a binary that is there.
	sed "s|/usr/sbin/weft|$INSTALLED/usr/sbin/weft|" "$INSTALLED/usr/lib/systemd/system/weft.service" >"$unit"
	systemd-analyze verify --man=no "$unit" || fail "systemd does not take the unit"
	systemd-analyze security --offline=true --threshold=30 "$unit" >"$LAB/tmp/security" || fail "too much is allowed: $(tail -n 1 "$LAB/tmp/security")"
	tail -n 1 "$LAB/tmp/security"
	bounding=$(awk -F= '/^CapabilityBoundingSet/ { print $2 }' "$unit")
	is "$bounding" "CAP_BPF CAP_NET_ADMIN CAP_PERFMON"
	cat >"$LAB/tmp/weft" <<-END
		#!/bin/sh
		exec setpriv --bounding-set=-all,+bpf,+net_admin,+perfmon --inh-caps=-all --no-new-privs "$WEFT" "\$@"
	END
	chmod +x "$LAB/tmp/weft"
	WEFT=$LAB/tmp/weft agent_up 1
	odd a1
	expose_odd web 60 "" a1
	await 1 web 1
	answers 60
	agent_end "$AGENT"
	WEFT=$LAB/tmp/weft agent_up 1
	answers 60
	agent_end "$AGENT"
	is "$(WEFT=$LAB/tmp/weft weft_unload 1)" unloaded
}

test_add install/files install_files
test_add install/pages install_pages
test_add install/bash install_bash
if command -v zsh >/dev/null; then
	test_add install/zsh install_zsh
else
	test_add install/zsh skip "there is no zsh"
fi
if command -v systemd-analyze >/dev/null; then
	test_add install/service install_service
else
	test_add install/service skip "there is no systemd"
fi
