#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The bpf tier, inside a virtual machine; status 77 if the kernel cannot run it.
set -uo pipefail

build/bpf_tests --tap --jobs 2 | tee /tmp/tap
status=${PIPESTATUS[0]}
if [ "$status" -eq 0 ] && ! grep -q '^ok' /tmp/tap; then
	echo "no test ran"
	exit 1
fi
# Where programs of the shim's type are missing, what needs none of them has passed; the tier has not.
reason=$(sed -n 's/^ok.*# SKIP //p' /tmp/tap | sort -u | head -n 1)
if [ "$status" -eq 0 ] && [ -n "$reason" ]; then
	echo "$reason"
	exit 77
fi
exit "$status"
