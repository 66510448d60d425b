#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The live core inside a virtual machine: as much as software emulation runs in minutes.
set -euo pipefail

CORE=('connect/*' 'equal-addresses/tcp4' 'reconnect/udpm' 'sendto/*' 'sendmmsg/udp4' 'eight*/udp4'
	'choice-sticks/udp6' 'endpoint-added/tcp4' 'affinity/tcp4' 'restart-sends-difference' 'without-[sb]*')

# What refuses with ECONNREFUSED can only be seen where the kernel lets a program set the error.
if build/weft check -o json | jq -e 'any(.feature == "set_retval" and .on)' >/dev/null; then
	CORE+=('connect-empty/tcp?' 'sendto-empty/*' 'endpoint-terminating/tcp4')
fi
exec tests/live/run.sh "${CORE[@]}"
