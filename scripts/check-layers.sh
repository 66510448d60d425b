#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Holds every #include "..." against scripts/layers.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck disable=SC2016 # awk's own $
find include bpf user -name '*.[ch]' -print0 | sort -z | xargs -0 awk '
	function complain(text) {
		printf "%s:%d: layering: %s\n", FILENAME, FNR, text
		bad = 1
	}
	BEGIN {
		while ((getline line < "scripts/layers.txt") > 0) {
			if (line ~ /^#/ || line ~ /^$/)
				continue
			n = split(line, word, /[ \t]+/)
			for (i = 2; i <= n; i++)
				may[word[1], word[i]] = 1
			rows++
		}
		if (!rows) {
			print "scripts/layers.txt:1: layering: no rows"
			exit bad = 1
		}
		# What stands in no folder of ours, and whose it is.
		owner["weft.skel.h"] = "user/kern"
		owner["version.h"] = "user/cmd"
	}
	/^#[ \t]*include "/ {
		split($0, part, "\"")
		file = FILENAME
		sub(/\/[^\/]*$/, "", file)
		target = part[2]
		if (target in owner) {
			if (owner[target] != file)
				complain("only " owner[target] " may include " target)
			next
		}
		if (target == "vmlinux.h") {
			if (file !~ /^(bpf|include\/weft)/)
				complain("vmlinux.h is for BPF programs")
			next
		}
		if (!sub(/\/[^\/]*$/, "", target))
			target = "bpf"
		else if (target == "weft")
			target = "include/weft"
		else if (target == "lib")
			target = "bpf/lib"
		else
			target = "user/" target
		if (!((file, target) in may))
			complain(file " must not include " part[2])
	}
	/^#[ \t]*include <bpf\// && FILENAME ~ /^user/ && FILENAME !~ /^user\/kern\// {
		complain("only user/kern may use libbpf")
	}
	END { exit bad }
'
