/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A sentence or two for each row that decides. */
#include "cmd/explain_steps.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"

const char *place_print(const struct addr *address, uint16_t port, char text[PLACE_TEXT])
{
	char host[ADDR_TEXT];

	addr_print(address, host);
	snprintf(text, PLACE_TEXT, addr_is_v4(address) ? "%s:%u" : "[%s]:%u", host, port);
	return text;
}

bool explain_is_reachable(const struct explained *e)
{
	return e->verdict == VERDICT_SEND;
}

/* A new step, or more of the last one if `name` is NULL. */
static _printf_(3, 4) void say(struct steps *steps, const char *name, const char *format, ...)
{
	struct step *step;
	size_t length;
	va_list args;

	if (name)
		steps->items[steps->count++] = (struct step){ .name = name };
	step = &steps->items[steps->count - 1];
	length = strlen(step->text);
	va_start(args, format);
	vsnprintf(step->text + length, sizeof(step->text) - length, format, args);
	va_end(args);
}

static const char *place_of(const struct explained *e, uint64_t id, char text[PLACE_TEXT])
{
	for (size_t i = 0; i < e->n_endpoints; i++) {
		const struct endpoint_row *row = e->endpoints[i].listed->row;

		if (e->endpoints[i].listed->id == id)
			return place_print(&row->address, row->port, text);
	}
	return "an endpoint that is gone";
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void say_client(const struct explained *e, struct steps *steps)
{
	const struct client *client = &e->client;

	say(steps, "client", "network namespace %llu", (unsigned long long)client->netns);
	if (client->cookie)
		say(steps, NULL, ", which affinity knows as %llu", (unsigned long long)client->cookie);
	if (client->n_inside && client->n_outside)
		say(steps, NULL,
		    "; of its processes %zu %s in the cgroup that weft is attached to, and this is about "
		    "%s, and %zu %s not",
		    client->n_inside, client->n_inside == 1 ? "is" : "are",
		    client->n_inside == 1 ? "it" : "them", client->n_outside,
		    client->n_outside == 1 ? "is" : "are");
	else if (client->n_inside)
		say(steps, NULL, "; in the cgroup that weft is attached to");
	else if (client->n_outside)
		say(steps, NULL,
		    "; not in the cgroup that weft is attached to, so its connects are left alone");
	else
		say(steps, NULL,
		    "; no process runs there now: this is about one in the cgroup that weft is attached to");
}

static void say_service(const struct explained *e, struct steps *steps)
{
	char place[PLACE_TEXT];

	place_print(&e->key.address, e->key.port, place);
	if (e->verdict == VERDICT_DIRECT) {
		say(steps, "service", "%s/%s is no service%s", place, protocol_name(e->key.protocol),
		    e->endpoint_address ? ", but an endpoint of one" : "");
		return;
	}
	say(steps, "service", "%s at %s/%s (id %u): %u of %zu endpoint%s take%s new connections", e->name,
	    place, protocol_name(e->key.protocol), e->service.id, e->service.endpoint_count, e->n_endpoints,
	    plural(e->n_endpoints), e->service.endpoint_count == 1 ? "s" : "");
	if (e->key.protocol == IPPROTO_UDP)
		say(steps, NULL,
		    "; a socket that has sent here without connect() stays with its endpoint while that "
		    "serves, so this is about a new one");
}

static void say_affinity(const struct explained *e, struct steps *steps)
{
	char text[PLACE_TEXT], until[CLOCK_TEXT];
	const char *place = place_of(e, e->stay_endpoint, text);

	if (e->stay == STAY_OFF) {
		say(steps, "affinity", "none: each connect is a new choice");
		return;
	}
	say(steps, "affinity", "%u s after its last connect: ", e->service.affinity_s);
	clock_print(clock_wall_ms(e->stay_until_ns), until);
	switch (e->stay) {
	case STAY_KEPT:
		say(steps, NULL, "the client stays with %s until %s, and longer if it connects before", place,
		    until);
		break;
	case STAY_EXPIRED:
		say(steps, NULL, "the client's time with %s was over at %s; it stays with what is chosen now",
		    place, until);
		break;
	case STAY_MOVED:
		say(steps, NULL,
		    "the client was with %s, which takes no connections; it stays with what is chosen now",
		    place);
		break;
	case STAY_NEW:
		say(steps, NULL, "the client has not been here; it stays with what is chosen now");
		break;
	case STAY_UNKNOWN:
	case STAY_OFF:
		say(steps, NULL,
		    "this kernel does not tell how it knows the client (that takes 5.14), so whether it has "
		    "an "
		    "endpoint already is not known; this is about one that has not");
		break;
	}
}

static const char *algorithm_text(enum algorithm algorithm)
{
	switch (algorithm) {
	case ALGORITHM_RANDOM:
		return "an endpoint is drawn by weight";
	case ALGORITHM_ROUND_ROBIN:
		return "endpoints take turns, by weight";
	case ALGORITHM_LEAST_CONN:
		return "of two endpoints that are drawn, the first by weight, the one with fewer connections "
		       "for its weight is taken";
	case ALGORITHM_EWMA:
		return "of two endpoints that are drawn, the one with the lower response time x (connections "
		       "+ "
		       "1) / weight is taken";
	}
	return "unknown to this weft";
}

static void say_algorithm(const struct explained *e, struct steps *steps)
{
	say(steps, "algorithm", "%s: %s", algorithm_name(e->service.algorithm),
	    algorithm_text(e->service.algorithm));
	if (e->stay == STAY_KEPT)
		say(steps, NULL, "; not asked while affinity lasts");
	else if (e->service.algorithm == ALGORITHM_ROUND_ROBIN && e->has_cursor && e->service.slot_count)
		say(steps, NULL, "; it is the turn of slot %u of %u", e->cursor % e->service.slot_count,
		    e->service.slot_count);
}

static void say_health(const struct explained *e, struct steps *steps)
{
	uint32_t usable = e->listed - e->drained;

	say(steps, "health", "of %u endpoint%s %u can be used, %u %s ejected, %u drained by hand", e->listed,
	    plural(e->listed), e->available, usable - e->available, usable - e->available == 1 ? "is" : "are",
	    e->drained);
	if (e->tolerance & TOLERATE_DRAINED)
		say(steps, NULL, "; as nothing else is left, drained ones are used");
	else if (e->tolerance & TOLERATE_EJECTED)
		say(steps, NULL,
		    "; panic: that is less than %u %% or none, so ejected ones are used like the others",
		    e->service.panic_percent);
	if (!e->service.eject_failures)
		say(steps, NULL, "; this service ejects none");
	if (!e->moves && e->key.protocol == IPPROTO_TCP)
		say(steps, NULL,
		    "; no interface is watched on this node, so a connect that fails is not moved");
}

static void say_send(const struct explained *e, struct steps *steps)
{
	char place[PLACE_TEXT];
	size_t count = 0;
	uint64_t last = 0;

	for (size_t i = 0; i < e->n_endpoints; i++) {
		if (e->endpoints[i].out != OUT_NOT)
			continue;
		count++;
		last = e->endpoints[i].listed->id;
	}
	if (count == 1)
		say(steps, "answer", "reachable: the next connect goes to %s", place_of(e, last, place));
	else
		say(steps, "answer", "reachable: the next connect goes to one of %zu endpoints", count);
}

static void say_answer(const struct explained *e, struct steps *steps)
{
	char place[PLACE_TEXT];

	place_print(&e->key.address, e->key.port, place);
	switch (e->verdict) {
	case VERDICT_SEND:
		say_send(e, steps);
		break;
	case VERDICT_REFUSE:
		say(steps, "answer",
		    "not reachable: refused at once (ECONNREFUSED; EPERM before 5.18), as %s",
		    e->service.flags & SERVICE_NO_LOCAL ? "internalTrafficPolicy: Local forbids the "
							  "endpoints of other nodes, and none is "
							  "on this one"
							: "no endpoint takes connections");
		break;
	case VERDICT_DIRECT:
		say(steps, "answer",
		    "not balanced: the connect goes to %s itself; 'weft get services' lists what is known",
		    place);
		break;
	case VERDICT_OUTSIDE:
		say(steps, "answer",
		    "not reachable: weft leaves this client alone, and the connect goes to %s itself, where "
		    "no "
		    "endpoint is",
		    place);
		break;
	}
}

void explain_steps(const struct explained *e, struct steps *ret)
{
	ret->count = 0;
	say_client(e, ret);
	say_service(e, ret);
	if (e->verdict == VERDICT_SEND) {
		say_affinity(e, ret);
		if (e->refused > 0)
			say(ret, "route",
			    "%.3g %% of the connects are refused (ECONNREFUSED): a route sends them to "
			    "backends "
			    "that are missing or have no endpoints; 'weft get routes -o wide' names them",
			    e->refused * 100);
		say_algorithm(e, ret);
		say_health(e, ret);
	}
	say_answer(e, ret);
}

static const char *used_text(const struct explained *e, const struct explained_endpoint *endpoint)
{
	switch (eject_tolerate(endpoint->fitness, e->tolerance)) {
	case FIT_PROBE:
		return "its ejection is over, and this connect finds out";
	case FIT_PANIC:
		return "ejected, and used in panic";
	case FIT_LAST:
		return "drained by hand, and used as nothing else is left";
	case UNFIT_EJECTED:
	case UNFIT_DRAINED:
		return "hardly anything else is left";
	case FIT:
		break;
	}
	return e->stay == STAY_KEPT ? "affinity" : "";
}

const char *explain_endpoint(const struct explained *e, const struct explained_endpoint *endpoint,
			     char text[STEP_TEXT])
{
	const struct endpoint_state *state = &endpoint->listed->state;
	char until[CLOCK_TEXT];

	switch (endpoint->out) {
	case OUT_NOT:
		return used_text(e, endpoint);
	case OUT_NOT_READY:
		return "not ready";
	case OUT_TERMINATING:
		return "terminating: keeps the connections that it has";
	case OUT_WEIGHT:
		return "weight 0, and others have more";
	case OUT_ELSEWHERE:
		return "left out for this node by internalTrafficPolicy or topology hints";
	case OUT_DRAINED:
		return "drained by hand: keeps the connections that it has";
	case OUT_EJECTED:
		snprintf(text, STEP_TEXT, "ejected until %s, the last failure: %s",
			 clock_print(clock_wall_ms(state->ejected_until_ns), until),
			 failure_name(state->cause));
		return text;
	case OUT_PROBED:
		return "ejected, and a connection is finding out whether it is well";
	case OUT_AFFINITY:
		return "the client stays with another";
	case OUT_CHANCE:
		break;
	}
	return e->service.algorithm == ALGORITHM_ROUND_ROBIN ? "it is another's turn"
							     : "whoever it is drawn with costs less";
}
