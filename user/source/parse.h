/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The text of a file to objects: v1 Service, discovery.k8s.io/v1 and v1beta1 EndpointSlice, v1 Node, and of
 * gateway.networking.k8s.io TCPRoute and ReferenceGrant, one by one or in the lists that kubectl prints. Objects of other kinds are passed over, fields that decide nothing here as
 * well; what is wrong in a field that decides fails the file.
 */
#pragma once

#include "base/why.h"
#include "model/object.h"
#include "source/tree.h"

/* What the operator may want to know of a file that is right. */
struct notice {
	uint32_t line;
	char *text;
};

struct notices {
	struct notice *items;
	size_t count;
	size_t room;
};

void notices_done(struct notices *notices); /* also for _cleanup_ */

struct parsed {
	struct objects objects;
	struct notices notices;
};

void parsed_done(struct parsed *parsed); /* also for _cleanup_ */

/*
 * One object, alone or out of a list of the kind `list` ("ServiceList"), where it need not name its own kind. `name`
 * stands in front of messages and in the place of each object. Returns 0, -EINVAL with the first error in `why`, or
 * -ENOMEM.
 */
int parse_item(const char *name, const char *list, yyjson_val *value, struct why *why, struct parsed *ret);

/* The same of a text, which may hold many. */
int parse_text(const char *name, enum tree_format format, const char *text, size_t size, struct why *why,
	       struct parsed *ret);
