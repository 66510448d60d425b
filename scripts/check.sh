#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# make check: everything that needs no run. Prints a PASS, FAIL or SKIP line for each part.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=0

part() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		echo "PASS check/$name"
	else
		echo "FAIL check/$name"
		while read -r line; do echo "    $line"; done <<<"$out"
		failed=1
	fi
}

c_files() { git ls-files -co --exclude-standard '*.c' '*.h' | grep -v '^vmlinux/'; }

formatting() { c_files | xargs clang-format --dry-run -Werror; }
shell() { git ls-files -co --exclude-standard '*.sh' .ci/run | xargs shellcheck -x -P SCRIPTDIR; }
analysis() {
	git ls-files -co --exclude-standard 'user/*.c' |
		xargs cppcheck -q --std=c11 --error-exitcode=1 --enable=warning,portability --inline-suppr \
			--suppress=missingIncludeSystem --suppress=nullPointerArithmeticRedundantCheck \
			--suppress=va_list_usedBeforeStarted -Iinclude -Iuser -DWEFT_CPPCHECK
}
gofmt_clean() { [ -z "$(gofmt -l tests/apps)" ] || { gofmt -l tests/apps; false; }; }

part layers scripts/check-layers.sh
part limits scripts/check-limits.sh
# Versions disagree on details: one counts, which both Debian 12 and the packages of LLVM have.
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
	part format formatting
else
	echo "SKIP check/format: clang-format 14 is not installed, and other versions format otherwise"
fi
part shell shell
part cppcheck analysis
if command -v gofmt >/dev/null; then
	part gofmt gofmt_clean
else
	echo "SKIP check/gofmt: gofmt is not installed"
fi
exit "$failed"
