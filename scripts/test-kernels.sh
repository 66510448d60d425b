#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sudo scripts/test-kernels.sh [OPTION...] [VERSION...]: the build in virtual machines with other kernels.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

VERSIONS=(5.10 6.1 6.12 7.3)
CACHE=${WEFT_KERNELS:-/var/cache/weft/kernels}
# Seconds for a whole machine; software emulation is slow.
PATIENCE=${PATIENCE:-1500}
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
qemu=''
leave() {
	[ -z "$qemu" ] || kill -9 "$qemu" 2>/dev/null
	rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

passed=0 failed=0 skipped=0
result() {
	echo "$*"
	case $1 in
	PASS\ *) passed=$((passed + 1)) ;;
	FAIL\ *) failed=$((failed + 1)) ;;
	SKIP\ *) skipped=$((skipped + 1)) ;;
	esac
}

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
	local kernel=$1 initrd=$2 console=$3
	# Killed with its parent too: no machine outlives the test.
	setpriv --pdeathsig KILL qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 \
		-kernel "$kernel" -initrd "$initrd" -append "console=ttyS0 panic=-1 loglevel=5 mitigations=off" \
		-display none -no-reboot -nodefaults -serial "file:$console" </dev/null >"$work/qemu.log" 2>&1 &
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
	local version=$1 console=$2 late=$3 line name said begun bad
	tr -d '\r' <"$console" | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' >"$work/console"
	begun=$(grep -acE '^BEGIN ' "$work/console")
	while read -r line; do
		read -r said name <<<"$line"
		result "$said kernels/$version/$name"
		[ "$said" != FAIL ] || show_part "${name%%:*}"
	done < <(grep -aE '^(PASS|FAIL|SKIP) ' "$work/console")
	bad=$(complaints "$work/console")
	if [ -n "$bad" ]; then
		result "FAIL kernels/$version/kernel: it complained"
		while read -r line; do echo "    $line"; done <<<"$bad"
	fi
	if ! grep -aqx END "$work/console"; then
		name=$(grep -aE '^BEGIN ' "$work/console" | tail -n 1)
		if [ "$late" = 1 ]; then
			result "FAIL kernels/$version/hang: not done in $PATIENCE s, in ${name:-the boot}"
		else
			result "FAIL kernels/$version/end: the machine ended early, in ${name:-the boot}"
		fi
		tail -n 5 "$work/console" | sed 's/^/    /'
	elif [ "$begun" -eq 0 ]; then
		result "FAIL kernels/$version/list: no test ran"
	fi
}

show_part() {
	sed -n "/^BEGIN $1\$/,/^FAIL $1/p" "$work/console" | grep '^| ' | tail -n 60 | sed 's/^| /    /'
}

# Instructions walked may not grow unseen: more than a tenth is a failure until the file is written anew.
compare_insns() {
	local version=$1 program verified kept old
	sed -nE 's/^\| INSNS (.*)/\1/p' "$work/console" | while read -r program verified kept; do
		echo "$version $program $verified $kept"
	done >"$work/insns-$version"
	[ -s "$work/insns-$version" ] && [ -z "$update" ] || return 0
	while read -r version program verified kept; do
		old=$(awk -v v="$version" -v p="$program" '$1 == v && $2 == p { print $3; exit }' "$INSNS" 2>/dev/null)
		[ -n "$old" ] || { result "FAIL kernels/$version/insns: $program is not in $INSNS"; return; }
		if [ $((verified * 10)) -gt $((old * 11)) ]; then
			result "FAIL kernels/$version/insns: $program: $old -> $verified instructions; if that is meant, --update"
			return
		fi
	done <"$work/insns-$version"
	result "PASS kernels/$version/insns"
}

test_kernel() {
	local version=$1 dir begin=$SECONDS late=0
	dir=$(tests/kernels/fetch.sh "$version") || {
		result "FAIL kernels/$version/fetch: see above"
		return
	}
	tests/kernels/image.sh "$work/modules.gz" "$dir" || { result "FAIL kernels/$version/image"; return; }
	cat "$work/base.gz" "$work/modules.gz" "$work/list.gz" >"$work/initrd"
	: >"$CACHE/console-$version"
	boot "$dir/vmlinuz" "$work/initrd" "$CACHE/console-$version"
	if [ -n "$show" ]; then
		tail -f --pid="$qemu" "$CACHE/console-$version" &
	fi
	watch || late=1
	judge "$version" "$CACHE/console-$version" "$late"
	compare_insns "$version"
	sed -n '/^BEGIN check$/,/^[A-Z]* check/p' "$work/console" | sed -n 's/^| //p' >"$work/check-$version"
	echo "== kernel $version: $((SECONDS - begin)) s"
}

scripts/install-deps.sh --kernels || exit 1
mkdir -p "$CACHE"
make -s -j2 all tests kernel-tests || exit 1
tests/kernels/image.sh "$work/base.gz" || { echo "test-kernels: cannot make the image" >&2; exit 1; }
pack_list
for version in "${VERSIONS[@]}"; do
	test_kernel "$version"
done
[ -z "$update" ] || tests/kernels/update.sh "$work" "${VERSIONS[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
