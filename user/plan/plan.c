/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lists of rows. */
#include "plan/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct table_shape table_shapes[TABLE_COUNT] = {
	[TABLE_NAMES] = { "names", sizeof(uint32_t), sizeof(struct name_row), false },
	[TABLE_ENDPOINT_STATE] = { "endpoint_state", sizeof(uint64_t), sizeof(struct endpoint_state), true },
	[TABLE_DRAINS] = { "drains", sizeof(uint64_t), sizeof(struct drain_row), false },
	[TABLE_ENDPOINTS] = { "endpoints", sizeof(uint64_t), sizeof(struct endpoint_row), false },
	[TABLE_INDEX] = { "endpoint_index", sizeof(struct service_key), sizeof(uint64_t), false },
	[TABLE_STATE] = { "service_state", sizeof(uint32_t), sizeof(struct service_state), true },
	[TABLE_RESPONSE_STATE] = { "response_state", sizeof(struct member_key), sizeof(struct response_state),
				   true },
	[TABLE_SPLICE_STATE] = { "splice_state", sizeof(uint32_t), sizeof(struct splice_state), false },
	[TABLE_MEMBERS] = { "members", sizeof(struct member_key), sizeof(struct member_row), true },
	[TABLE_SLOTS] = { "slots", sizeof(struct slot_key), sizeof(struct slot_row), false },
	[TABLE_SERVICES] = { "services", sizeof(struct service_key), sizeof(struct service_row), true },
	[TABLE_ROUTES] = { "routes", sizeof(struct route_key), sizeof(struct route_row), false },
};

static void rows_done(struct rows *rows)
{
	free(rows->keys);
	free(rows->values);
	*rows = (struct rows){ 0 };
}

static int rows_add(struct rows *rows, const void *key, size_t key_size, const void *value, size_t value_size)
{
	if (rows->count == rows->room) {
		size_t room = rows->room ? rows->room * 2 : 16;
		unsigned char *grown = realloc(rows->keys, room * key_size);

		if (!grown)
			return -ENOMEM;
		rows->keys = grown;
		if (value) {
			grown = realloc(rows->values, room * value_size);
			if (!grown)
				return -ENOMEM;
			rows->values = grown;
		}
		rows->room = room;
	}
	memcpy(rows->keys + rows->count * key_size, key, key_size);
	if (value)
		memcpy(rows->values + rows->count * value_size, value, value_size);
	rows->count++;
	return 0;
}

void plan_done(struct plan *plan)
{
	for (int table = 0; table < TABLE_COUNT; table++) {
		rows_done(&plan->puts[table]);
		rows_done(&plan->deletes[table]);
	}
	*plan = (struct plan){ 0 };
}

int plan_put(struct plan *plan, enum table table, const void *key, const void *value)
{
	const struct table_shape *shape = &table_shapes[table];

	return rows_add(&plan->puts[table], key, shape->key, value, shape->value);
}

int plan_delete(struct plan *plan, enum table table, const void *key)
{
	return rows_add(&plan->deletes[table], key, table_shapes[table].key, NULL, 0);
}

size_t plan_count_puts(const struct plan *plan)
{
	size_t count = 0;

	for (int table = 0; table < TABLE_COUNT; table++)
		count += plan->puts[table].count;
	return count;
}

size_t plan_count_deletes(const struct plan *plan)
{
	size_t count = 0;

	for (int table = 0; table < TABLE_COUNT; table++)
		count += plan->deletes[table].count;
	return count;
}

bool plan_is_empty(const struct plan *plan)
{
	return !plan->meta_changed && !plan_count_puts(plan) && !plan_count_deletes(plan);
}
