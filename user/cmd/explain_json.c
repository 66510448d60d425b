/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A tree of yyjson, written as JSON or as YAML. */
#include "cmd/explain_json.h"

#include <errno.h>
#include <string.h>

#include <yyjson.h>

#include "base/addr.h"
#include "base/attr.h"
#include "cmd/explain_steps.h"
#include "base/clock.h"
#include "cmd/yaml_tree.h"

struct out_tree {
	yyjson_mut_doc *doc;
	bool failed; /* memory ran out on the way */
};

static void note(struct out_tree *tree, bool added)
{
	tree->failed = tree->failed || !added;
}

static void add_text(struct out_tree *tree, yyjson_mut_val *object, const char *key, const char *text)
{
	note(tree, yyjson_mut_obj_add_strcpy(tree->doc, object, key, text));
}

static void add_number(struct out_tree *tree, yyjson_mut_val *object, const char *key, uint64_t number)
{
	note(tree, yyjson_mut_obj_add_uint(tree->doc, object, key, number));
}

static void add_real(struct out_tree *tree, yyjson_mut_val *object, const char *key, double number)
{
	note(tree, yyjson_mut_obj_add_real(tree->doc, object, key, number));
}

static void add_bool(struct out_tree *tree, yyjson_mut_val *object, const char *key, bool value)
{
	note(tree, yyjson_mut_obj_add_bool(tree->doc, object, key, value));
}

static void add_null(struct out_tree *tree, yyjson_mut_val *object, const char *key)
{
	note(tree, yyjson_mut_obj_add_null(tree->doc, object, key));
}

static void add_known(struct out_tree *tree, yyjson_mut_val *object, const char *key, bool known,
		      uint64_t number)
{
	if (known)
		add_number(tree, object, key, number);
	else
		add_null(tree, object, key);
}

static void add_moment(struct out_tree *tree, yyjson_mut_val *object, const char *key, uint64_t at_ns)
{
	char text[CLOCK_TEXT];

	if (at_ns)
		add_text(tree, object, key, clock_print(clock_wall_ms(at_ns), text));
	else
		add_null(tree, object, key);
}

/* An object of this key, or NULL without memory, which every other function here takes. */
static yyjson_mut_val *add_object(struct out_tree *tree, yyjson_mut_val *parent, const char *key)
{
	yyjson_mut_val *object = yyjson_mut_obj(tree->doc);

	note(tree, yyjson_mut_obj_add_val(tree->doc, parent, key, object));
	return object;
}

static void add_client(struct out_tree *tree, yyjson_mut_val *root, const struct client *client,
		       const char *asked)
{
	yyjson_mut_val *object = add_object(tree, root, "client");

	add_text(tree, object, "asked", asked);
	add_number(tree, object, "netns", client->netns);
	add_known(tree, object, "netns_cookie", client->cookie, client->cookie);
	add_number(tree, object, "processes_balanced", client->n_inside);
	add_number(tree, object, "processes_left_alone", client->n_outside);
}

static void add_service(struct out_tree *tree, yyjson_mut_val *root, const struct explained *e)
{
	yyjson_mut_val *object;
	char address[ADDR_TEXT];

	object = add_object(tree, root, "dialled");
	add_text(tree, object, "address", addr_print(&e->key.address, address));
	add_number(tree, object, "port", e->key.port);
	add_text(tree, object, "protocol", protocol_name(e->key.protocol));
	add_bool(tree, object, "is_endpoint", e->endpoint_address);
	if (e->verdict == VERDICT_DIRECT) {
		add_null(tree, root, "service");
		return;
	}
	object = add_object(tree, root, "service");
	add_text(tree, object, "name", e->name);
	add_number(tree, object, "id", e->service.id);
	add_number(tree, object, "generation", e->service.generation);
	add_text(tree, object, "algorithm", algorithm_name(e->service.algorithm));
	add_number(tree, object, "slots", e->service.slot_count);
	add_known(tree, object, "next_slot",
		  e->service.algorithm == ALGORITHM_ROUND_ROBIN && e->has_cursor && e->service.slot_count,
		  e->service.slot_count ? e->cursor % e->service.slot_count : 0);
}

static const char *stay_name(enum stay stay)
{
	switch (stay) {
	case STAY_OFF:
		return "off";
	case STAY_UNKNOWN:
		return "unknown";
	case STAY_NEW:
		return "new";
	case STAY_KEPT:
		return "kept";
	case STAY_EXPIRED:
		return "expired";
	case STAY_MOVED:
		return "moved";
	}
	return "unknown";
}

static void add_affinity(struct out_tree *tree, yyjson_mut_val *root, const struct explained *e)
{
	yyjson_mut_val *object = add_object(tree, root, "affinity");

	add_text(tree, object, "state", stay_name(e->stay));
	add_number(tree, object, "seconds", e->service.affinity_s);
	add_known(tree, object, "endpoint_id", e->stay_endpoint, e->stay_endpoint);
	add_moment(tree, object, "until", e->stay_until_ns);
}

static void add_health(struct out_tree *tree, yyjson_mut_val *root, const struct explained *e)
{
	yyjson_mut_val *object = add_object(tree, root, "health");

	add_number(tree, object, "listed", e->listed);
	add_number(tree, object, "available", e->available);
	add_number(tree, object, "ejected", e->listed - e->drained - e->available);
	add_number(tree, object, "drained", e->drained);
	add_number(tree, object, "panic_threshold", e->service.panic_percent);
	add_bool(tree, object, "panic", e->tolerance & TOLERATE_EJECTED);
	add_bool(tree, object, "drained_used", e->tolerance & TOLERATE_DRAINED);
	add_bool(tree, object, "failed_connects_are_moved", e->moves);
}

static const char *out_name(enum out out)
{
	switch (out) {
	case OUT_NOT:
		return "";
	case OUT_NOT_READY:
		return "not_ready";
	case OUT_TERMINATING:
		return "terminating";
	case OUT_WEIGHT:
		return "weight";
	case OUT_ELSEWHERE:
		return "elsewhere";
	case OUT_DRAINED:
		return "drained";
	case OUT_EJECTED:
		return "ejected";
	case OUT_PROBED:
		return "probed";
	case OUT_AFFINITY:
		return "affinity";
	case OUT_CHANCE:
		return "algorithm";
	}
	return "unknown";
}

static void add_load(struct out_tree *tree, yyjson_mut_val *object, const struct explained_endpoint *endpoint)
{
	const struct listed_endpoint *listed = endpoint->listed;
	const struct endpoint_state *state = &listed->state;

	add_number(tree, object, "weight", listed->member->weight);
	add_number(tree, object, "connections", state->live);
	add_known(tree, object, "connect_us", state->connect_ns, state->connect_ns / 1000);
	add_known(tree, object, "response_us", listed->response.response_ns,
		  listed->response.response_ns / 1000);
	if (endpoint->cost < 0)
		add_null(tree, object, "cost");
	else
		add_real(tree, object, "cost", endpoint->cost);
}

static void add_endpoint(struct out_tree *tree, yyjson_mut_val *array, const struct explained *e,
			 const struct explained_endpoint *endpoint)
{
	const struct listed_endpoint *listed = endpoint->listed;
	yyjson_mut_val *object = yyjson_mut_arr_add_obj(tree->doc, array);
	char address[ADDR_TEXT], text[STEP_TEXT];

	add_text(tree, object, "address", addr_print(&listed->row->address, address));
	add_number(tree, object, "port", listed->row->port);
	add_number(tree, object, "id", listed->id);
	add_text(tree, object, "node", listed->node);
	add_text(tree, object, "zone", listed->zone);
	add_bool(tree, object, "local", listed->row->local);
	add_text(tree, object, "health", health_name(endpoint->health));
	add_text(tree, object, "state", member_state_name(listed->member->state));
	add_bool(tree, object, "drained", listed->drained);
	add_moment(tree, object, "ejected_until", listed->state.ejected_until_ns);
	add_bool(tree, object, "chosen", endpoint->chosen);
	add_load(tree, object, endpoint);
	add_real(tree, object, "probability", endpoint->next);
	add_real(tree, object, "share", endpoint->share);
	if (endpoint->out == OUT_NOT)
		add_null(tree, object, "out");
	else
		add_text(tree, object, "out", out_name(endpoint->out));
	add_text(tree, object, "why", explain_endpoint(e, endpoint, text));
}

static const char *verdict_name(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_SEND:
		return "send";
	case VERDICT_REFUSE:
		return "refuse";
	case VERDICT_DIRECT:
		return "direct";
	case VERDICT_OUTSIDE:
		return "outside";
	}
	return "unknown";
}

static void add_steps(struct out_tree *tree, yyjson_mut_val *root, const struct explained *e)
{
	yyjson_mut_val *array = yyjson_mut_arr(tree->doc);
	struct steps steps;

	explain_steps(e, &steps);
	note(tree, yyjson_mut_obj_add_val(tree->doc, root, "steps", array));
	for (size_t i = 0; i < steps.count; i++) {
		yyjson_mut_val *object = yyjson_mut_arr_add_obj(tree->doc, array);

		add_text(tree, object, "step", steps.items[i].name);
		add_text(tree, object, "text", steps.items[i].text);
	}
}

static void free_doc(yyjson_mut_doc **doc)
{
	yyjson_mut_doc_free(*doc);
}

static int print_json(const yyjson_mut_doc *doc, FILE *to)
{
	_cleanup_(freep) char *text = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);

	if (!text)
		return -ENOMEM;
	return fprintf(to, "%s\n", text) < 0 || fflush(to) ? -EIO : 0;
}

int explain_print(const struct explained *e, const char *client, enum sheet_format format, FILE *to)
{
	_cleanup_(free_doc) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	struct out_tree tree = { .doc = doc };
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	yyjson_mut_val *endpoints = yyjson_mut_arr(doc);

	yyjson_mut_doc_set_root(doc, root);
	add_bool(&tree, root, "reachable", explain_is_reachable(e));
	add_text(&tree, root, "verdict", verdict_name(e->verdict));
	add_client(&tree, root, &e->client, client);
	add_service(&tree, root, e);
	add_affinity(&tree, root, e);
	add_health(&tree, root, e);
	add_real(&tree, root, "refused", e->refused);
	add_steps(&tree, root, e);
	note(&tree, yyjson_mut_obj_add_val(doc, root, "endpoints", endpoints));
	for (size_t i = 0; i < e->n_endpoints; i++)
		add_endpoint(&tree, endpoints, e, &e->endpoints[i]);
	if (tree.failed)
		return -ENOMEM;
	return format == SHEET_YAML ? yaml_tree_print(root, to) : print_json(doc, to);
}
