/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What Kubernetes allows as a name. */
#pragma once

#include <stdbool.h>

enum name_rule {
	NAME_LABEL,	/* DNS label (RFC 1123): a-z, 0-9 and -, at most 63 */
	NAME_SUBDOMAIN, /* labels joined by dots, at most 253 */
	NAME_VALUE,	/* value of a label: empty, or A-Z, a-z, 0-9, -, _ and ., at most 63 */
};

bool name_fits(enum name_rule rule, const char *text);

/* The rule in words: "a DNS label (...)". */
const char *name_rule_text(enum name_rule rule);
