/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The other end of the agent's abstract socket. */
#pragma once

#include "base/why.h"

/*
 * Asks the agent of a directory of pins for its status. *ret is the JSON that report_json() wrote, to be freed.
 * Returns 0 or a negative errno with `why`.
 */
int ask_status(const char *bpffs, char **ret, struct why *why);
