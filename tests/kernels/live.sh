#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The live core inside a virtual machine.
set -euo pipefail
exec tests/live/run.sh "$@"
