#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# House rules that a machine can see: licence lines, names of maps, no printk, nothing left to do, length.
set -euo pipefail
cd "$(dirname "$0")/.."

bad=0
complain() { echo "$*"; bad=1; }

while read -r file; do
	head -n 2 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause' ||
		complain "$file:1: no SPDX line"
done < <(git ls-files -co --exclude-standard '*.c' '*.h' '*.sh' '*.go' Makefile)

while IFS=: read -r file line rest; do
	complain "$file:$line: $rest"
done < <(git ls-files -co --exclude-standard '*.c' '*.h' | xargs grep -nE 'bpf_printk|TODO|FIXME|XXX' || true)

while read -r name; do
	[ ${#name} -le 15 ] || complain "bpf/maps.bpf.c: map name $name has more than 15 characters"
done < <(sed -nE 's/^struct [a-z_]+ ([a-z_0-9]+) SEC\("\.maps"\);/\1/p' bpf/maps.bpf.c)

# A function begins at a line "{" and ends at a line "}", as the formatter leaves them.
while read -r line; do
	complain "$line"
done < <(git ls-files -co --exclude-standard '*.c' | xargs awk '
	FNR == 1 { begin = 0 }
	/^{$/ { begin = FNR }
	/^}$/ && begin { if (FNR - begin > 80) printf "%s:%d: a function of %d lines\n", FILENAME, begin, FNR - begin; begin = 0 }
	FNR == 601 { printf "%s:601: a file of more than 600 lines\n", FILENAME }')

exit "$bad"
