/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an API server says where it does not give what it was asked for. */
#pragma once

#include <stddef.h>

#include "base/why.h"

/* An answer of this status of HTTP, whose body begins with these bytes: the message of a Status, or the body itself. */
void status_words(long status, const char *body, size_t length, struct why *ret);
