#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The live core inside a virtual machine: as much as software emulation runs in minutes.
set -euo pipefail

CORE=('connect/*' 'equal-addresses/tcp4' 'reconnect/udpm' 'sendto/*' 'sendmmsg/udp4' 'eight*/udp4'
	'choice-sticks/udp6' 'endpoint-added/tcp4' 'affinity/tcp4' 'restart-sends-difference' 'without-[sb]*' 'without-health'
	'health/refused-tcp[46]' 'health/reset-tcp6' 'health/timed-out' 'load/shared' 'load/flows-udp4'
	'load/least-conn' 'load/response-short' 'drain/by-hand-tcp6'
	'interface/addresses' 'interface/restart-clsact' 'interface/load-clsact'
	'rescue/refused-[12]-tcp[46]' 'rescue/account' 'heal/replaced-udp?' 'heal/reconnect')

has() { build/weft check -o json | jq -e --arg feature "$1" 'any(.feature == $feature and .on)' >/dev/null; }

# What refuses with ECONNREFUSED can only be seen where the kernel lets a program set the error.
if has set_retval; then
	CORE+=('connect-empty/tcp?' 'sendto-empty/*' 'endpoint-terminating/tcp4')
fi
if has recount; then
	CORE+=('load/adopted-tcp4')
fi
if has tcx; then
	CORE+=('interface/restart-tcx' 'interface/load-tcx' 'interface/index-reused' 'interface/other-way')
fi
if has splice; then
	CORE+=('splice/pair/tcp4' 'splice/selftest' 'splice/switch' 'splice/stream')
fi
exec tests/live/run.sh "${CORE[@]}"
