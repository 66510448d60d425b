#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# make check: everything that needs no run. Prints a PASS, FAIL or SKIP line for each part.
# With --format it formats all C files instead.
# shellcheck disable=SC2317 # the parts are called by name
set -euo pipefail
cd "$(dirname "$0")/.."

# Versions of these two disagree, on layout and on what is suspicious. One of each counts: that of Debian 12.
FORMAT_VERSION=14
CPPCHECK_VERSION=2.10

failed=0

part() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		echo "PASS check/$name"
	else
		echo "FAIL check/$name"
		printf '%s\n' "$out" | sed 's/^/    /'
		failed=1
	fi
}

skip() { echo "SKIP check/$1: $2"; }

c_files() { find include bpf user tests -name '*.[ch]' -print0; }

# Prints the clang-format that counts.
formatter() {
	local name
	for name in "clang-format-$FORMAT_VERSION" clang-format; do
		if "$name" --version 2>/dev/null | grep -q "version $FORMAT_VERSION\."; then
			echo "$name"
			return 0
		fi
	done
	return 1
}

formatting() { c_files | xargs -0 "$(formatter)" --dry-run -Werror; }

shell() { find scripts tests .ci \( -name '*.sh' -o -path .ci/run \) -print0 | xargs -0 shellcheck -x -P SCRIPTDIR; }

# Macros of other people's headers that are statements, in the words of C: cppcheck does not read those headers.
foreign_macros() {
	cat <<-END
		#define HASH_ITER(hh, head, el, tmp) for ((el) = (head), (tmp) = 0; (el); (el) = (tmp))
		#define DL_FOREACH(head, el) for ((el) = (head); (el); (el) = (el)->next)
		#define DL_FOREACH2(head, el, next) for ((el) = (head); (el); (el) = (el)->next)
		#define DL_FOREACH_SAFE(head, el, tmp) for ((el) = (head), (tmp) = 0; (el); (el) = (tmp))
		#define LL_FOREACH(head, el) for ((el) = (head); (el); (el) = (el)->next)
		#define LL_FOREACH_SAFE(head, el, tmp) for ((el) = (head), (tmp) = 0; (el); (el) = (tmp))
		#define LIBBPF_OPTS(type, name, ...) struct type name = { .sz = sizeof(struct type), __VA_ARGS__ }
	END
}

# Leaks are not asked for: cppcheck does not know the cleanup attribute, by which memory is freed here.
analysis() {
	local macros status=0
	macros=$(mktemp --suffix=.h)
	foreign_macros >"$macros"
	find user -name '*.c' -print0 |
		xargs -0 cppcheck -q --std=c11 --error-exitcode=1 --enable=warning,portability --inline-suppr \
			--suppress=missingIncludeSystem --suppress=nullPointerArithmeticRedundantCheck \
			--suppress=va_list_usedBeforeStarted --suppress=memleak --suppress=memleakOnRealloc \
			--suppress=resourceLeak --include="$macros" -Iinclude -Iuser -Ibpf || status=$?
	rm -f "$macros"
	return "$status"
}

gofmt_clean() {
	local files
	files=$(gofmt -l tests/apps)
	[ -z "$files" ] || { echo "not as gofmt has it: $files"; return 1; }
}

if [ "${1-}" = --format ]; then
	formatter >/dev/null || { echo "clang-format $FORMAT_VERSION is not installed" >&2; exit 1; }
	c_files | xargs -0 "$(formatter)" -i
	exit 0
fi

part layers scripts/check-layers.sh
part limits scripts/check-limits.sh
if formatter >/dev/null; then
	part format formatting
else
	skip format "clang-format $FORMAT_VERSION is not installed, and others format otherwise"
fi
if command -v shellcheck >/dev/null; then
	part shell shell
else
	skip shell "shellcheck is not installed"
fi
if cppcheck --version 2>/dev/null | grep -qx "Cppcheck $CPPCHECK_VERSION\(\.[0-9]*\)\?"; then
	part cppcheck analysis
else
	skip cppcheck "cppcheck $CPPCHECK_VERSION is not installed, and others find other things"
fi
if [ ! -d tests/apps ]; then
	:
elif command -v gofmt >/dev/null; then
	part gofmt gofmt_clean
else
	skip gofmt "gofmt is not installed"
fi
exit "$failed"
