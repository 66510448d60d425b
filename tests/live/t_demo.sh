#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The demo asserts what it shows: unmodified Go services over HTTP and gRPC.

# shellcheck source=assert.sh
. "$LIVE/assert.sh"

demo() {
	local name=weft-demo-$$
	# A lab of its own, not this one's.
	env -u WEFT -u NET -u LAB -u LAB_NS -u LAB_CGROUP -u LAB_BPF -u LAB_SOURCE -u NAMESPACE DEMO="$name" "$ROOT/scripts/demo.sh"
	[ ! -e "/run/$name" ] || fail "the demo left /run/$name"
}

if command -v go >/dev/null; then
	test_add demo demo
else
	test_add demo skip "there is no Go to build its services with"
fi
