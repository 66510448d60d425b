/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of routes to words. */
#include "watch/route.h"

#include <stdlib.h>
#include <string.h>

const char *route_accepted_reason(enum route_accepted accepted)
{
	switch (accepted) {
	case ROUTE_ACCEPTED:
		return "Accepted";
	case ROUTE_NO_PARENT:
	case ROUTE_NO_PORT:
	case ROUTE_LEFT_ALONE:
		return "NoMatchingParent";
	case ROUTE_CONSUMER:
	case ROUTE_MANY_RULES:
		return "UnsupportedValue";
	case ROUTE_CONFLICTED:
		return "Conflicted";
	}
	return "unknown";
}

const char *backend_resolved_reason(enum backend_resolved resolved)
{
	switch (resolved) {
	case BACKEND_RESOLVED:
		return "ResolvedRefs";
	case BACKEND_NO_SERVICE:
	case BACKEND_NO_PORT:
		return "BackendNotFound";
	case BACKEND_LEFT_ALONE:
		return "UnsupportedValue";
	case BACKEND_INVALID_KIND:
		return "InvalidKind";
	case BACKEND_NOT_PERMITTED:
		return "RefNotPermitted";
	}
	return "unknown";
}

enum backend_resolved route_resolved(const struct route_row *row)
{
	for (size_t i = 0; i < row->n_backends && i < MAX_BACKENDS; i++) {
		if (row->backends[i].resolved)
			return row->backends[i].resolved;
	}
	return BACKEND_RESOLVED;
}

static void explain_accepted(const struct named_route *route, FILE *to)
{
	switch ((enum route_accepted)route->row->accepted) {
	case ROUTE_ACCEPTED:
		if (*route->winner)
			fprintf(to, "; TCPRoute %s is older and decides of the ports that both name",
				route->winner);
		return;
	case ROUTE_NO_PARENT:
		fprintf(to, "; there is no Service %s", route->parent);
		return;
	case ROUTE_NO_PORT:
		if (route->row->port)
			fprintf(to, "; Service %s has no TCP port %u that the route names", route->parent,
				route->row->port);
		else
			fprintf(to, "; Service %s has no TCP port that the route names", route->parent);
		return;
	case ROUTE_LEFT_ALONE:
		fprintf(to, "; weft leaves Service %s alone; the agent's log says why", route->parent);
		return;
	case ROUTE_CONSUMER:
		fprintf(to, "; a route must be in the namespace of its parent: consumers' routes are not "
			    "supported");
		return;
	case ROUTE_MANY_RULES:
		fprintf(to, "; the rules of a TCPRoute match nothing, so that there can be one only");
		return;
	case ROUTE_CONFLICTED:
		fprintf(to, "; TCPRoute %s is older and decides of the same ports", route->winner);
		return;
	}
}

static void explain_backend(const struct named_route *route, size_t i, FILE *to)
{
	const struct route_backend *backend = &route->row->backends[i];
	const char *name = route->backends[i];
	const char *refused = route->row->accepted == ROUTE_ACCEPTED && backend->weight
				      ? ": its share of connections is refused"
				      : "";

	switch ((enum backend_resolved)backend->resolved) {
	case BACKEND_RESOLVED:
		if (!backend->endpoints && *refused)
			fprintf(to, "; Service %s has no endpoints%s", name, refused);
		return;
	case BACKEND_NO_SERVICE:
		fprintf(to, "; there is no Service %s%s", name, refused);
		return;
	case BACKEND_NO_PORT:
		fprintf(to, "; Service %s has no TCP port %u%s", name, backend->port, refused);
		return;
	case BACKEND_LEFT_ALONE:
		fprintf(to, "; weft leaves Service %s alone%s", name, refused);
		return;
	case BACKEND_INVALID_KIND:
		fprintf(to, "; backend %s is no Service%s", name, refused);
		return;
	case BACKEND_NOT_PERMITTED:
		fprintf(to, "; no ReferenceGrant lets TCPRoute %s name Service %s%s", route->name, name,
			refused);
		return;
	}
}

void route_explain(const struct named_route *route, FILE *to)
{
	char *text = NULL;
	size_t length;
	FILE *stream = open_memstream(&text, &length);

	if (!stream)
		return;
	explain_accepted(route, stream);
	for (size_t i = 0; i < route->row->n_backends && i < MAX_BACKENDS; i++)
		explain_backend(route, i, stream);
	if (!fclose(stream) && length)
		fputs(text + strlen("; "), to);
	free(text);
}
