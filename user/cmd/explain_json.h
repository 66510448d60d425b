/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The same for programs: one object. */
#pragma once

#include <stdio.h>

#include "cmd/sheet.h"
#include "watch/explain.h"

/* `client` is as it was asked for, the format JSON or YAML. Returns 0, -ENOMEM, or -EIO if it could not be written. */
int explain_print(const struct explained *explained, const char *client, enum sheet_format format, FILE *to);
