#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# House rules that a machine can see: licence lines, names of maps, no printk, nothing left to do, length.
set -euo pipefail
cd "$(dirname "$0")/.."

files() {
	local names=()
	for name in "$@"; do names+=(-o -name "$name"); done
	find include bpf user tests vmlinux scripts .ci Makefile -type f \( "${names[@]:1}" \) -print0 | sort -z
}

bad=0

# The licence stands in the first line, or behind the line that names the interpreter.
# shellcheck disable=SC2016 # awk's own $
files '*.[ch]' '*.sh' '*.go' '*.py' run Makefile | xargs -0 awk '
	FNR == 1 && /^#!/ { next }
	/SPDX-License-Identifier: GPL-2\.0-only OR BSD-2-Clause/ { nextfile }
	{
		printf "%s:%d: no SPDX line here\n", FILENAME, FNR
		bad = 1
		nextfile
	}
	END { exit bad }' || bad=1

# A function begins at a line "{" and ends at a line "}", as the formatter leaves them.
# shellcheck disable=SC2016 # awk's own $
files '*.[ch]' | xargs -0 awk '
	function complain(line, text) {
		printf "%s:%d: %s\n", FILENAME, line, text
		bad = 1
	}
	FNR == 1 { begin = 0 }
	/bpf_printk/ { complain(FNR, "bpf_printk is for the desk, not for the tree") }
	/(^|[^A-Za-z0-9_])(TODO|FIXME)([^A-Za-z0-9_]|$)/ { complain(FNR, "something is left to do") }
	/^{$/ { begin = FNR }
	/^}$/ && begin {
		if (FNR - begin > 80)
			complain(begin, "a function of " FNR - begin " lines; 80 are the most")
		begin = 0
	}
	FNR == 601 && FILENAME !~ /^vmlinux\// { complain(FNR, "a file of more than 600 lines") }
	FILENAME == "bpf/maps.bpf.c" && /SEC\("\.maps"\)/ {
		name = $0
		sub(/ *SEC\(.*/, "", name)
		sub(/.*[ *]/, "", name)
		if (length(name) > 15)
			complain(FNR, "the kernel cuts the map name " name " after 15 characters")
	}
	END { exit bad }' || bad=1

exit "$bad"
