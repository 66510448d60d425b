#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# tests/kubernetes/run.sh [NAME...]: weft against a real API server and controller manager, whose pods are those of the
# live tests' lab. Builds the control plane if it is not there.
set -euo pipefail
SUITE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export SUITE CACHE=${CACHE:-/var/cache/weft/kubernetes} TEST_SECONDS=${TEST_SECONDS:-180}

status=0
words=$("$SUITE/build.sh" 2>&1) || status=$?
if [ "$status" = 77 ]; then
	echo "SKIP kubernetes: ${words##*build.sh: }"
	exit 0
fi
[ "$status" = 0 ] || { echo "$words" >&2; exit "$status"; }
exec "$SUITE/../live/run.sh" "$@"
