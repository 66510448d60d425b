#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Holds every #include "..." against scripts/layers.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

git ls-files -co --exclude-standard 'include/*.h' 'bpf/*.[ch]' 'user/*.[ch]' | xargs awk '
	BEGIN {
		while ((getline line < "scripts/layers.txt") > 0) {
			if (line ~ /^#/ || line ~ /^$/)
				continue
			n = split(line, word, /[ \t]+/)
			for (i = 2; i <= n; i++)
				may[word[1], word[i]] = 1
		}
	}
	/^#include "/ {
		split($0, part, "\"")
		file = FILENAME
		sub(/\/[^\/]*$/, "", file)
		target = part[2]
		if (!sub(/\/[^\/]*$/, "", target))
			target = target ~ /\.(skel|version)?\.?h$/ && file !~ /^bpf/ ? "generated" : "bpf"
		else if (target == "weft")
			target = "include/weft"
		else if (target == "lib")
			target = "bpf/lib"
		else
			target = "user/" target
		# What is generated: the skeleton for kern alone, the version for cmd.
		if (target == "generated" && (part[2] == "version.h" ? file == "user/cmd" : file == "user/kern"))
			next
		if (part[2] == "vmlinux.h")
			next
		if (!((file, target) in may)) {
			printf "%s:%d: layering: %s must not include %s\n", FILENAME, FNR, file, part[2]
			bad = 1
		}
	}
	/^#include <bpf\// && FILENAME ~ /^user/ && FILENAME !~ /^user\/kern/ {
		printf "%s:%d: layering: only user/kern may use libbpf\n", FILENAME, FNR
		bad = 1
	}
	END { exit bad }
'
