/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For parse*.c alone: what the kinds share. */
#pragma once

#include "source/field.h"
#include "source/parse.h"

enum {
	MAX_PORTS = 1024, /* of one object */
};

/* An object on its way: what it becomes, and what of its metadata decides. */
struct parsing {
	struct field self;
	struct field metadata, labels, annotations; /* each inside the one before or, for the last, beside */
	struct notices *notices;
	struct object *object;
	bool skip; /* the object is right, but of no use */
};

/* Each fills p->object, which the caller frees also on failure. */
int parse_service(struct parsing *p);
int parse_slice(struct parsing *p);
int parse_route(struct parsing *p);
int parse_grant(struct parsing *p);
/* Is this an annotation that parse_slice() reads? */
bool slice_knows(const char *annotation);

/* The annotations of a Service: how connections are spread, and when an endpoint is ejected. */
int parse_balance(const struct parsing *p);
/* Is this an annotation that parse_balance() reads? */
bool balance_knows(const char *annotation);

int parse_notice(struct parsing *p, const char *format, ...) _printf_(2, 3);

/* A label, an annotation: NULL if absent. */
int parse_label(const struct parsing *p, const char *key, const char **ret);
int parse_annotation(const struct parsing *p, const char *key, const char **ret);

/* What a port of a Service and one of an EndpointSlice have in common. */
struct port_fields {
	const char *name; /* NULL: none; borrowed from the tree */
	uint32_t number;  /* zero: none */
	uint8_t protocol; /* zero: one that weft does not carry (SCTP) */
};

/* Reads them; a number that is given must be `lowest` at least. */
int parse_port_fields(const struct field *port, uint32_t lowest, struct port_fields *ret);

/* The items of a list of ports. */
int parse_ports_begin(const struct field *ports, yyjson_arr_iter *ret);
