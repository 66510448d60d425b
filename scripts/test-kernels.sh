#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sudo scripts/test-kernels.sh [OPTION...] [VERSION...]: the build in virtual machines with other kernels.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

VERSIONS=(5.10 6.1 6.12 7.3)
CACHE=${WEFT_KERNELS:-/var/cache/weft/kernels}
# Seconds for a whole machine; software emulation is slow.
PATIENCE=${PATIENCE:-1800}
INSNS=tests/kernels/insns.txt
LIST=tests/kernels/list

usage() {
	cat <<-END
		usage: sudo scripts/test-kernels.sh [OPTION...] [VERSION...]

		Boots kernels of the distribution (${VERSIONS[*]} by default) in QEMU with the build, and runs the tests of
		$LIST inside: one line each there. Kernel packages are kept in $CACHE.

		  --list FILE       another list of tests
		  --only NAME,...   only these tests
		  --update          write the table of features in README.md and $INSNS anew from what was seen
		  --show            show the console as it comes

		Prints PASS, FAIL and SKIP lines, then "N passed, N failed, N skipped". A kernel that warns, oopses, panics
		or hangs has failed. The machine's console is kept in $CACHE/console-VERSION.
	END
}

only='' update='' show='' chosen=()
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage; exit 0 ;;
	--list) LIST=${2-}; shift ;;
	--only) only=${2-}; shift ;;
	--update) update=1 ;;
	--show) show=1 ;;
	-*) echo "test-kernels: unknown option '$1'; see --help" >&2; exit 2 ;;
	*) chosen+=("$1") ;;
	esac
	shift
done
[ ${#chosen[@]} -gt 0 ] && VERSIONS=("${chosen[@]}")
[ "$(id -u)" = 0 ] || { echo "test-kernels: must be run as root" >&2; exit 1; }
[ -r "$LIST" ] || { echo "test-kernels: cannot read the list '$LIST'" >&2; exit 2; }

work=$(mktemp -d)
# A machine dies with the shell that started it, and those shells are ended here.
leave() {
	local pid
	for pid in $(jobs -p); do kill -9 "$pid" 2>/dev/null; done
	wait
	rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

result() { echo "$*"; }

# The list, as the machine reads it, as one more archive of the initramfs.
pack_list() {
	mkdir -p "$work/list/weft"
	awk -v only="$only" '
		BEGIN { n = split(only, names, ","); for (i = 1; i <= n; i++) want[names[i]] = 1 }
		/^#/ || NF < 3 { next }
		only == "" || $1 in want' "$LIST" >"$work/list/weft/list"
	[ -s "$work/list/weft/list" ] || { echo "test-kernels: no test of $LIST is called '$only'" >&2; exit 2; }
	(cd "$work/list" && find . | cpio -o -H newc --quiet) | gzip -1 >"$work/list.gz"
}

boot() {
	local kernel=$1 dir=$2 console=$3 cpu=max,-cx16
	# The same emulation loses the flags of cmpxchg16b when an interrupt comes, and the kernel dies allocating
	# memory. Most kernels do without the instruction; 7.3 gives sockets no storage then.
	case $kernel in */7.3/*) cpu=max ;; esac
	# Killed with its parent too: no machine outlives the test. One thread for both processors, as the emulation
	# of QEMU 7.2 gets code wrong now and then that one processor patches under the other.
	setpriv --pdeathsig KILL qemu-system-x86_64 -accel tcg,thread=single -cpu "$cpu" -smp 2 -m 2048 \
		-kernel "$kernel" -initrd "$dir/initrd" -append "console=ttyS0 panic=-1 loglevel=5 mitigations=off" \
		-display none -no-reboot -nodefaults -serial "file:$console" </dev/null >"$dir/qemu.log" 2>&1 &
	qemu=$!
}

# Waits for the machine; says why if it had to be ended.
watch() {
	local end=$((SECONDS + PATIENCE)) status=0
	while kill -0 "$qemu" 2>/dev/null; do
		if [ "$SECONDS" -ge "$end" ]; then
			kill -9 "$qemu"
			status=1
			break
		fi
		sleep 1
	done
	wait "$qemu" 2>/dev/null
	qemu=''
	return "$status"
}

# What the kernel itself complained of.
complaints() {
	grep -aE 'Kernel panic|WARNING: CPU|WARNING: .* at |BUG: |Oops|general protection fault|Call Trace:|soft lockup|hung task' "$1" | head -n 5
}

# Adds up the console of one machine.
judge() {
	local version=$1 dir=$2 late=$3 line name said begun bad
	tr -d '\r' <"$CACHE/console-$version" | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' >"$dir/console"
	begun=$(grep -acE '^BEGIN ' "$dir/console")
	while read -r line; do
		read -r said name <<<"$line"
		result "$said kernels/$version/$name"
		[ "$said" != FAIL ] || show_part "$dir" "${name%%:*}"
	done < <(grep -aE '^(PASS|FAIL|SKIP) ' "$dir/console")
	bad=$(complaints "$dir/console")
	if [ -n "$bad" ]; then
		result "FAIL kernels/$version/kernel: it complained"
		while read -r line; do echo "    $line"; done <<<"$bad"
	fi
	if ! grep -aqx END "$dir/console"; then
		name=$(grep -aE '^BEGIN ' "$dir/console" | tail -n 1)
		if [ "$late" = 1 ]; then
			result "FAIL kernels/$version/hang: not done in $PATIENCE s, in ${name:-the boot}"
		else
			result "FAIL kernels/$version/end: the machine ended early, in ${name:-the boot}"
		fi
		tail -n 5 "$dir/console" | sed 's/^/    /'
	elif [ "$begun" -eq 0 ]; then
		result "FAIL kernels/$version/list: no test ran"
	fi
}

show_part() {
	sed -n "/^BEGIN $2\$/,/^FAIL $2/p" "$1/console" | grep '^| ' | tail -n 60 | sed 's/^| /    /'
}

# Instructions walked may not grow unseen: more than a tenth is a failure until the file is written anew.
compare_insns() {
	local version=$1 dir=$2 program verified kept old _
	sed -nE 's/^\| INSNS (.*)/\1/p' "$dir/console" | sed "s/^/$version /" >"$dir/insns"
	[ -s "$dir/insns" ] && [ -z "$update" ] || return 0
	while read -r _ program verified kept; do
		old=$(awk -v v="$version" -v p="$program" '$1 == v && $2 == p { print $3 " " $4; exit }' "$INSNS" 2>/dev/null)
		if [ -z "$old" ]; then
			result "FAIL kernels/$version/insns: $program is not in $INSNS; --update writes it"
			return
		fi
		if [ $((verified * 10)) -gt $((${old% *} * 11)) ] || [ $((kept * 10)) -gt $((${old#* } * 11)) ]; then
			result "FAIL kernels/$version/insns: $program: $old -> $verified $kept instructions walked and" \
				"kept; if that is meant, --update"
			return
		fi
	done <"$dir/insns"
	result "PASS kernels/$version/insns"
}

run_machine() {
	: >"$3"
	boot "$@"
	if [ -n "$show" ]; then
		tail -f --pid="$qemu" "$3" >&2 &
	fi
	watch
}

# Ended before its list did. What dies twice has failed.
has_died() { ! tr -d '\r' <"$1" | grep -aqx END; }

test_kernel() {
	local version=$1 dir=$work/$1 package begin=$SECONDS late=0
	mkdir -p "$dir"
	package=$(tests/kernels/fetch.sh "$version") || {
		result "FAIL kernels/$version/fetch: see above"
		return
	}
	tests/kernels/image.sh "$dir/modules.gz" "$package" || { result "FAIL kernels/$version/image"; return; }
	cat "$work/base.gz" "$dir/modules.gz" "$work/list.gz" >"$dir/initrd"
	run_machine "$package/vmlinuz" "$dir" "$CACHE/console-$version" || late=1
	if [ "$late" = 0 ] && has_died "$CACHE/console-$version"; then
		echo "RETRY kernels/$version: the machine died, as emulated ones do now and then:"
		complaints "$CACHE/console-$version" | sed 's/^/    /'
		run_machine "$package/vmlinuz" "$dir" "$CACHE/console-$version" || late=1
	fi
	judge "$version" "$dir" "$late"
	compare_insns "$version" "$dir"
	sed -n '/^BEGIN check$/,/^[A-Z]* check/p' "$dir/console" | sed -n 's/^| //p' >"$dir/check"
	echo "== kernel $version: $((SECONDS - begin)) s"
}

# As many machines at a time as there are processors, and 3 GiB of free memory for each.
machines_at_once() {
	local by_cpu by_memory
	by_cpu=$(nproc)
	by_memory=$(awk '/^MemAvailable/ { print int($2 / 3145728) }' /proc/meminfo)
	[ "$by_memory" -ge "$by_cpu" ] || by_cpu=$by_memory
	echo $((by_cpu > 1 ? by_cpu : 1))
}

mkdir -p "$CACHE"
make -s -j2 all tests kernel-tests || exit 1
tests/kernels/image.sh "$work/base.gz" || { echo "test-kernels: cannot make the image" >&2; exit 1; }
pack_list
at_once=$(machines_at_once)
for version in "${VERSIONS[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n; done
	test_kernel "$version" >"$work/out-$version" 2>&1 &
	[ "$at_once" -gt 1 ] || { wait "$!"; cat "$work/out-$version"; }
done
wait
for version in "${VERSIONS[@]}"; do
	[ "$at_once" = 1 ] || cat "$work/out-$version"
done
[ -z "$update" ] || tests/kernels/update.sh "$work" "${VERSIONS[@]}"

counted() { cat "$work"/out-* | grep -c "^$1 " || true; }
passed=$(counted PASS) failed=$(counted FAIL)
echo "$passed passed, $failed failed, $(counted SKIP) skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
