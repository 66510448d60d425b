/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rows as they are read back from the maps, whatever is in them: an agent that starts must be able to make of them what
 * the objects say. The input is a list of rows: a byte for the table, its key, its value.
 */
#include <string.h>

#include "plan.h"
#include "source/parse.h"

static const char objects[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":["
	"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\",\"namespace\":\"a\"},"
	"\"spec\":{\"clusterIP\":\"10.0.0.1\",\"clusterIPs\":[\"10.0.0.1\"],\"ports\":[{\"port\":80,"
	"\"protocol\":\"TCP\"}]}},"
	"{\"apiVersion\":\"discovery.k8s.io/"
	"v1\",\"kind\":\"EndpointSlice\",\"metadata\":{\"name\":\"web-1\",\"namespace\":\"a\","
	"\"labels\":{\"kubernetes.io/"
	"service-name\":\"web\"}},\"addressType\":\"IPv4\",\"ports\":[{\"port\":8080}],"
	"\"endpoints\":[{\"addresses\":[\"10.1.0.1\"]},{\"addresses\":[\"10.1.0.2\"]}]}]}";

/* In the order in which tables are read. */
static const enum table order[] = {
	TABLE_NAMES,	    TABLE_SERVICES, TABLE_ENDPOINTS, TABLE_ENDPOINT_STATE,
	TABLE_DRAINS,	    TABLE_INDEX,    TABLE_STATE,     TABLE_RESPONSE_STATE,
	TABLE_SPLICE_STATE, TABLE_MEMBERS,  TABLE_SLOTS,     TABLE_ROUTES,
};

/* The next row of the input; false behind the last. */
static bool next_row(const uint8_t *data, size_t size, size_t *at, enum table *ret_table,
		     const uint8_t **ret_key)
{
	const struct table_shape *shape;

	if (*at >= size)
		return false;
	*ret_table = data[(*at)++] % TABLE_COUNT;
	shape = &table_shapes[*ret_table];
	*ret_key = data + *at;
	if (size - *at < shape->key + shape->value)
		return false;
	*at += shape->key + shape->value;
	return true;
}

/* A map holds a key once. */
static bool is_repeated(const uint8_t *data, const uint8_t *key, enum table table)
{
	const uint8_t *other;
	enum table of;
	size_t at = 0;

	while (next_row(data, (size_t)(key - data), &at, &of, &other)) {
		if (of == table && !memcmp(other, key, table_shapes[table].key))
			return true;
	}
	return false;
}

static void *copy_aligned(const uint8_t *bytes, size_t size)
{
	const size_t alignment = 16;
	void *copy = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);

	HOLDS(copy);
	return memcpy(copy, bytes, size);
}

static void read_table(struct present *present, enum table table, const uint8_t *data, size_t size)
{
	const struct table_shape *shape = &table_shapes[table];
	const uint8_t *bytes;
	enum table of;
	size_t at = 0;

	while (next_row(data, size, &at, &of, &bytes)) {
		_cleanup_(freep) void *key = NULL, *value = NULL;

		if (of != table || is_repeated(data, bytes, table))
			continue;
		key = copy_aligned(bytes, shape->key);
		value = copy_aligned(bytes + shape->key, shape->value);
		HOLDS(!present_read(present, table, key, value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(parsed_done) struct parsed parsed = { 0 };
	_cleanup_(present_freep) struct present *present = NULL;
	_cleanup_(model_freep) struct model *model = NULL;
	_cleanup_(plan_done) struct plan reaped = { 0 };
	struct model_service service;
	struct why why = { "" };

	if (present_new(&present) || model_new(&model))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		read_table(present, order[i], data, size);
	HOLDS(!present_settle(present));
	HOLDS(!parse_text("input", TREE_JSON, objects, strlen(objects), &why, &parsed));
	HOLDS(!model_replace(model, "input", &parsed.objects, no_complaint, NULL));
	while (model_next_dirty(model, &service))
		put_service(present, model, &service);
	HOLDS(!present_reap(present, &reaped));
	return 0;
}
