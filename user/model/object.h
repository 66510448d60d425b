/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The objects weft knows, as Kubernetes defines them (v1 Service, discovery.k8s.io/v1 EndpointSlice, v1 Node; TCPRoute
 * and ReferenceGrant of gateway.networking.k8s.io), reduced to the fields that decide. Plain data: every pointer is
 * owned by the object; strings are never NULL unless said so. Ports in host order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/service.h"

enum object_kind {
	OBJECT_SERVICE,
	OBJECT_SLICE,
	OBJECT_NODE,
	OBJECT_ROUTE,
	OBJECT_GRANT,
};

enum {
	OBJECT_KINDS = OBJECT_GRANT + 1,
};

struct service_port {
	char *name; /* "" if it has none */
	uint16_t port;
	uint8_t protocol;
};

/*
 * When a service ejects an endpoint. Annotations of the Service, whose names and defaults follow Envoy's outlier
 * detection (consecutive failures 5, base ejection time 30 s, at most 300 s, at most 10 percent) and its panic
 * threshold (50 percent). The fields are those of struct service_row.
 */
struct health_knobs {
	uint32_t eject_failures;  /* weft.dev/consecutive-failures; 0 to 1000, default 5; zero: never */
	uint32_t eject_base_ms;	  /* weft.dev/base-ejection-time; 1 ms to 1 h, default 30 s */
	uint32_t eject_max_ms;	  /* weft.dev/max-ejection-time; base to 24 h, default 300 s or base */
	uint8_t eject_percent;	  /* weft.dev/max-ejection-percent; 0 to 100, default 10 */
	uint8_t panic_percent;	  /* weft.dev/panic-threshold; 0 to 100, default 50 */
	uint8_t syn_retransmits;  /* weft.dev/syn-retransmits; 1 to 20, default 1 */
	uint8_t data_retransmits; /* weft.dev/data-retransmits; 1 to 20, default 3 */
	uint32_t
		connect_timeout_ms; /* weft.dev/connect-timeout; 100 ms to 10 m; zero: as the socket has it */
};

/* Are the bytes of two sockets on one node handed over without the network stack? */
enum splice_mode {
	SPLICE_MODE_OFF,
	SPLICE_MODE_AUTO, /* where the kernel passed the self-test */
	SPLICE_MODE_ON,	  /* where it did not, too */
};

struct service {
	/* Why weft leaves this service alone ("headless", "ExternalName", ...); NULL if it is balanced. */
	char *ignored;
	struct addr cluster_ips[2]; /* one of each family at the most */
	size_t n_cluster_ips;
	struct service_port *ports;
	size_t n_ports;
	enum algorithm algorithm; /* annotation weft.dev/lb; default random */
	bool measured;		  /* annotation weft.dev/measure; ALGORITHM_EWMA measures in any case */
	enum splice_mode splice;  /* annotation weft.dev/splice; default off */
	uint32_t decay_ms;	  /* annotation weft.dev/ewma-decay; 100 ms to 10 min, default 10 s */
	struct health_knobs health;
	bool affinity;		/* sessionAffinity: ClientIP */
	uint32_t affinity_s;	/* default 10800 */
	bool local_only;	/* internalTrafficPolicy: Local */
	bool publish_not_ready; /* publishNotReadyAddresses */
};

struct slice_port {
	char *name;    /* "" if it has none; pairs with the service's port of the same name */
	uint16_t port; /* zero: none given, such a port is skipped */
	uint8_t protocol;
};

struct hints {
	char **zones;
	size_t n_zones;
	char **nodes;
	size_t n_nodes;
};

struct endpoint {
	struct addr address;
	bool ready;	     /* conditions.ready; absent means true */
	bool serving;	     /* conditions.serving; absent means ready */
	bool terminating;    /* conditions.terminating; absent means false */
	const char *node;    /* nodeName; "" if absent; both are interned (base/intern.h) */
	const char *zone;    /* "" if absent */
	uint64_t pod;	     /* hash of targetRef.uid, else of its name; zero without one */
	struct hints *hints; /* NULL: none */
};

struct slice {
	char *service; /* label kubernetes.io/service-name; "" if it has none, then nothing uses it */
	bool v6;
	uint32_t weight; /* annotation weft.dev/weight of each endpoint, 0 to MAX_WEIGHT; default 1 */
	struct slice_port *ports;
	size_t n_ports;
	struct endpoint
		*endpoints; /* an EndpointSlice endpoint with several addresses stands once: the first */
	size_t n_endpoints;
};

struct node {
	char *zone; /* label topology.kubernetes.io/zone; "" if absent */
};

/* A service whose connections a route spreads. */
struct route_parent {
	char *namespace;
	char *name;
	char *section; /* the name of a port; "" for any */
	uint16_t port; /* zero: any */
};

/* Where it sends a share of them. */
struct route_target {
	char *kind; /* "" for a Service, else "Kind" or "Kind.group" */
	char *namespace;
	char *name;
	uint16_t port; /* zero: none, as other kinds may have it */
	uint32_t weight;
};

/* TCPRoute */
struct route {
	char *created; /* creationTimestamp, which sorts as text; "" if it has none */
	size_t n_rules;
	struct route_parent *parents; /* the services among them */
	size_t n_parents;
	struct route_target *targets; /* of the first rule */
	size_t n_targets;
};

/* ReferenceGrant, as far as it allows TCPRoutes of other namespaces to name Services of its own. */
struct grant {
	char **from; /* namespaces */
	size_t n_from;
	char **to; /* names; "" for all */
	size_t n_to;
};

struct object {
	enum object_kind kind;
	char *namespace; /* "default" if a namespaced object says none; "" for a node */
	char *name;
	char *place; /* where it was read: "dir/file.yaml:12", for messages */
	union {
		struct service service;
		struct slice slice;
		struct node node;
		struct route route;
		struct grant grant;
	};
};

/* Frees all that the object owns, then zeroes it. */
void object_done(struct object *object);

/* Do both mean the same? `place` does not count. */
bool object_equal(const struct object *a, const struct object *b);

/* A growing list; zero-initialised is empty. */
struct objects {
	struct object *items;
	size_t count;
	size_t room;
};

void objects_done(struct objects *list);

/* Appends a zeroed object; returns it, or NULL without memory. It stays valid until the next append. */
struct object *objects_add(struct objects *list);
