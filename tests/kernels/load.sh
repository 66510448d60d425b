#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Loads, prints how many instructions the verifier walked and the kernel keeps, adopts, unloads, and looks for
# what is left.
set -euo pipefail

pins=/sys/fs/bpf/weft
cgroup=/sys/fs/cgroup/weft-load

# What the verifier said last of the program that it refused.
explain() {
	build/weft load --verbose --cgroup "$cgroup" 2>&1 |
		sed -n '/BEGIN PROG LOAD/,$p' | grep -v -e unpinned -e '^$' | tail -n 20
	exit 1
}

mkdir "$cgroup"
build/weft load --cgroup "$cgroup" || explain
build/kernels/insns $pins/programs/*
build/weft get stats >/dev/null
build/weft load --cgroup "$cgroup" | grep -q replaced
build/weft unload
[ ! -e $pins ] || { echo "$pins is still there"; exit 1; }
rmdir "$cgroup"
