#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# update.sh WORK VERSION...: what a run saw (WORK/VERSION/check as JSON, WORK/VERSION/insns) into the table of
# README.md and into insns.txt. Kernels that were not run keep what stands of them.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$1
shift
insns=tests/kernels/insns.txt
table=tests/kernels/features.tsv
touch "$insns" "$table"

for version in "$@"; do
	if [ ! -s "$work/$version/insns" ] || [ ! -s "$work/$version/check" ]; then
		continue
	fi
	{ grep -v "^$version " "$insns" || true; cat "$work/$version/insns"; } | sort -V >"$work/insns"
	{
		grep -v "^$version	" "$table" || true
		jq -r --arg v "$version" '.[] | [$v, .feature, if .on then "on" else "off: " + .why end] | @tsv' \
			"$work/$version/check"
	} | sort -s -V -k1,1 >"$work/table"
	cp "$work/insns" "$insns"
	cp "$work/table" "$table"
done

awk -F'\t' '
	!($1 in seen) { seen[$1] = 1; versions[++n] = $1 }
	!($2 in known) { known[$2] = 1; features[++m] = $2 }
	{ cell[$1, $2] = $3 }
	END {
		printf "| feature |"
		for (i = 1; i <= n; i++) printf " %s |", versions[i]
		printf "\n|---|"
		for (i = 1; i <= n; i++) printf "---|"
		printf "\n"
		for (j = 1; j <= m; j++) {
			printf "| `%s` |", features[j]
			for (i = 1; i <= n; i++) printf " %s |", cell[versions[i], features[j]]
			printf "\n"
		}
	}' "$table" >"$work/markdown"
awk -v file="$work/markdown" '
	/^<!-- kernels: / { print; while ((getline line < file) > 0) print line; skip = 1; next }
	/^<!-- \/kernels -->/ { skip = 0 }
	!skip' README.md >"$work/README.md"
cp "$work/README.md" README.md
