/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Small tables, searched from end to end. */
#include "fake_kernel.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/attr.h"

void fake_kernel_done(struct fake_kernel *kernel)
{
	for (int table = 0; table < TABLE_COUNT; table++) {
		free(kernel->tables[table].keys);
		free(kernel->tables[table].values);
	}
}

static size_t find(const struct rows *rows, enum table table, const void *key)
{
	size_t size = table_shapes[table].key;

	for (size_t i = 0; i < rows->count; i++) {
		if (!memcmp(rows->keys + i * size, key, size))
			return i;
	}
	return rows->count;
}

static void write_row(struct rows *rows, enum table table, const void *key, const void *value)
{
	const struct table_shape *shape = &table_shapes[table];
	size_t i = find(rows, table, key);

	if (i == rows->room) {
		rows->room = rows->room ? rows->room * 2 : 16;
		rows->keys = realloc(rows->keys, rows->room * shape->key);
		rows->values = realloc(rows->values, rows->room * shape->value);
	}
	rows->count += i == rows->count;
	memcpy(rows->keys + i * shape->key, key, shape->key);
	memcpy(rows->values + i * shape->value, value, shape->value);
}

/* What a plan may put: rows that the kernel counts in only once, and drains, which are made by hand, never. */
static void put(struct rows *rows, enum table table, const void *key, const void *value)
{
	bool counted = table == TABLE_STATE || table == TABLE_ENDPOINT_STATE || table == TABLE_RESPONSE_STATE;

	cr_assert(!counted || find(rows, table, key) == rows->count, "%s: a row is overwritten",
		  table_shapes[table].map);
	cr_assert_neq(table, TABLE_DRAINS, "a plan drains");
	write_row(rows, table, key, value);
}

static void delete (struct rows *rows, enum table table, const unsigned char *key)
{
	const struct table_shape *shape = &table_shapes[table];
	size_t i = find(rows, table, key);

	/* An endpoint that goes takes its drain along, if it has one. */
	if (i == rows->count && table == TABLE_DRAINS)
		return;
	cr_assert_lt(i, rows->count, "%s: a key to delete is not there", shape->map);
	rows->count--;
	memcpy(rows->keys + i * shape->key, rows->keys + rows->count * shape->key, shape->key);
	memcpy(rows->values + i * shape->value, rows->values + rows->count * shape->value, shape->value);
}

void fake_kernel_write(struct fake_kernel *kernel, enum table table, const void *key, const void *value)
{
	write_row(&kernel->tables[table], table, key, value);
}

void fake_kernel_lose(struct fake_kernel *kernel, enum table table, const void *key)
{
	delete (&kernel->tables[table], table, key);
	kernel->damaged = true;
}

const void *fake_kernel_find(const struct fake_kernel *kernel, enum table table, const void *key)
{
	const struct rows *rows = &kernel->tables[table];
	size_t i = find(rows, table, key);

	return i < rows->count ? rows->values + i * table_shapes[table].value : NULL;
}

struct present *fake_kernel_read(const struct fake_kernel *kernel)
{
	static const enum table order[] = {
		TABLE_NAMES,  TABLE_SERVICES,	    TABLE_ENDPOINTS,	TABLE_INDEX,
		TABLE_STATE,  TABLE_ENDPOINT_STATE, TABLE_MEMBERS,	TABLE_RESPONSE_STATE,
		TABLE_DRAINS, TABLE_SLOTS,	    TABLE_SPLICE_STATE, TABLE_ROUTES,
	};
	struct present *present;

	_Static_assert(ARRAY_LEN(order) == TABLE_COUNT, "every table is read");
	cr_assert(!present_new(&present));
	if (kernel->meta.abi)
		present->meta = kernel->meta;
	for (size_t t = 0; t < TABLE_COUNT; t++) {
		const struct rows *rows = &kernel->tables[order[t]];
		const struct table_shape *shape = &table_shapes[order[t]];

		for (size_t i = 0; i < rows->count; i++)
			cr_assert(!present_read(present, order[t], rows->keys + i * shape->key,
						rows->values + i * shape->value));
	}
	cr_assert(!present_settle(present));
	return present;
}

static void check_service(const struct fake_kernel *kernel, const struct service_row *row)
{
	struct slot_key key = { .service = row->id, .generation = row->generation };
	struct member_key member = { .service = row->id };

	cr_assert(fake_kernel_find(kernel, TABLE_NAMES, &row->name), "service %u has no name", row->id);
	cr_assert(fake_kernel_find(kernel, TABLE_STATE, &row->id), "service %u has no state", row->id);
	for (key.slot = 0; key.slot < row->slot_count; key.slot++) {
		const struct slot_row *slot = fake_kernel_find(kernel, TABLE_SLOTS, &key);

		cr_assert(slot, "service %u: slot %u is missing", row->id, key.slot);
		cr_assert(fake_kernel_find(kernel, TABLE_ENDPOINTS, &slot->endpoint));
		cr_assert(fake_kernel_find(kernel, TABLE_ENDPOINTS, &slot->alias));
		member.endpoint = slot->endpoint;
		cr_assert(!(row->flags & SERVICE_MEASURED) ||
				  fake_kernel_find(kernel, TABLE_RESPONSE_STATE, &member),
			  "service %u: slot %u is measured without a place for it", row->id, key.slot);
	}
}

static const struct service_row *service_of(const struct fake_kernel *kernel, uint32_t id)
{
	const struct service_row *services = (const void *)kernel->tables[TABLE_SERVICES].values;

	for (size_t i = 0; i < kernel->tables[TABLE_SERVICES].count; i++) {
		if (services[i].id == id)
			return &services[i];
	}
	return NULL;
}

static void check_member(const struct fake_kernel *kernel, const struct member_key *key)
{
	const struct service_row *service = service_of(kernel, key->service);

	cr_assert(service, "a member of service %u, which is not there", key->service);
	cr_assert(!(service->flags & SERVICE_MEASURED) || fake_kernel_find(kernel, TABLE_RESPONSE_STATE, key),
		  "endpoint %lu of the measured service %u has no state", key->endpoint, key->service);
}

void fake_kernel_check_reaped(const struct fake_kernel *kernel)
{
	const struct member_key *responses = (const void *)kernel->tables[TABLE_RESPONSE_STATE].keys;
	const uint64_t *states = (const void *)kernel->tables[TABLE_ENDPOINT_STATE].keys;
	const uint64_t *drains = (const void *)kernel->tables[TABLE_DRAINS].keys;

	for (size_t i = 0; i < kernel->tables[TABLE_ENDPOINT_STATE].count; i++)
		cr_assert(fake_kernel_find(kernel, TABLE_ENDPOINTS, &states[i]),
			  "the state of endpoint %lu outlived it", states[i]);
	for (size_t i = 0; i < kernel->tables[TABLE_DRAINS].count; i++)
		cr_assert(fake_kernel_find(kernel, TABLE_ENDPOINTS, &drains[i]),
			  "the drain of endpoint %lu outlived it", drains[i]);
	for (size_t i = 0; i < kernel->tables[TABLE_RESPONSE_STATE].count; i++) {
		const struct service_row *service = service_of(kernel, responses[i].service);

		cr_assert(service && service->flags & SERVICE_MEASURED,
			  "service %u is not measured, but keeps state", responses[i].service);
		cr_assert(fake_kernel_find(kernel, TABLE_MEMBERS, &responses[i]),
			  "endpoint %lu left service %u, but its state stayed", responses[i].endpoint,
			  responses[i].service);
	}
}

/* What a reader may rely on at any moment: a row that another names is there. */
static void check_references(const struct fake_kernel *kernel)
{
	const struct service_row *services = (const void *)kernel->tables[TABLE_SERVICES].values;
	const struct endpoint_row *endpoints = (const void *)kernel->tables[TABLE_ENDPOINTS].values;
	const uint64_t *ids = (const void *)kernel->tables[TABLE_ENDPOINTS].keys;
	const struct member_key *members = (const void *)kernel->tables[TABLE_MEMBERS].keys;

	for (size_t i = 0; i < kernel->tables[TABLE_SERVICES].count; i++)
		check_service(kernel, &services[i]);
	for (size_t i = 0; i < kernel->tables[TABLE_MEMBERS].count; i++)
		cr_assert(fake_kernel_find(kernel, TABLE_ENDPOINTS, &members[i].endpoint));
	for (size_t i = 0; i < kernel->tables[TABLE_ENDPOINTS].count; i++) {
		cr_assert(fake_kernel_find(kernel, TABLE_ENDPOINT_STATE, &ids[i]),
			  "endpoint %lu has no state", ids[i]);
		if (endpoints[i].node)
			cr_assert(fake_kernel_find(kernel, TABLE_NAMES, &endpoints[i].node));
	}
}

void fake_kernel_check(const struct fake_kernel *kernel)
{
	const struct endpoint_row *endpoints = (const void *)kernel->tables[TABLE_ENDPOINTS].values;
	const struct member_key *members = (const void *)kernel->tables[TABLE_MEMBERS].keys;

	check_references(kernel);
	for (size_t i = 0; i < kernel->tables[TABLE_MEMBERS].count; i++)
		check_member(kernel, &members[i]);
	for (size_t i = 0; i < kernel->tables[TABLE_ENDPOINTS].count; i++) {
		struct service_key key = {
			.address = endpoints[i].address,
			.port = endpoints[i].port,
			.protocol = endpoints[i].protocol,
		};

		cr_assert(fake_kernel_find(kernel, TABLE_INDEX, &key), "an endpoint is not in the index");
	}
}

void fake_kernel_apply(struct fake_kernel *kernel, const struct plan *plan)
{
	bool damaged = kernel->damaged;

	if (plan->meta_changed)
		kernel->meta = plan->meta;
	for (int table = 0; table < TABLE_COUNT; table++) {
		const struct rows *rows = &plan->puts[table];

		for (size_t i = 0; i < rows->count; i++)
			put(&kernel->tables[table], table, rows->keys + i * table_shapes[table].key,
			    rows->values + i * table_shapes[table].value);
		if (!damaged)
			check_references(kernel);
	}
	for (int table = TABLE_COUNT - 1; table >= 0; table--) {
		const struct rows *rows = &plan->deletes[table];

		for (size_t i = 0; i < rows->count; i++)
			delete (&kernel->tables[table], table, rows->keys + i * table_shapes[table].key);
		if (!damaged)
			check_references(kernel);
	}
	kernel->damaged = false;
}
