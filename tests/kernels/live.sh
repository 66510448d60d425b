#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The live core inside a virtual machine: as much as software emulation runs in minutes.
set -euo pipefail

CORE=('connect/*' 'connect-nonblocking/*' 'same-port*' 'equal-addresses/*4' 'reconnect/*4' 'sendto/*' 'sendmmsg/*'
	'eight*/udp4' 'choice-sticks/*' 'endpoint-*' 'affinity/*4' 'round-robin/*4' 'restart-sends-difference'
	'configmap*' 'without*')

# What refuses with ECONNREFUSED can only be seen where the kernel lets a program set the error.
if build/weft check -o json | jq -e 'any(.feature == "set_retval" and .on)' >/dev/null; then
	CORE+=('connect-empty/*' 'sendto-empty/*')
fi
exec tests/live/run.sh "${CORE[@]}"
