/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Wanted against present. */
#include "plan/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "plan/diff_route.h"
#include "plan/entry.h"
#include "plan/slots.h"

struct slot_table {
	struct slot_row *slots;
	size_t count;
};

static void slot_table_done(struct slot_table *table)
{
	free(table->slots);
}

/* The member rows that are wanted, sorted by endpoint id. */
static int build_members(struct present *present, struct plan *plan, const struct want *want,
			 struct member_entry **ret)
{
	_cleanup_(freep) struct member_entry *members = calloc(want->n_endpoints + 1, sizeof(*members));

	if (!members)
		return -ENOMEM;
	for (size_t i = 0; i < want->n_endpoints; i++) {
		const struct want_endpoint *endpoint = &want->endpoints[i];
		struct endpoint_row identity = {
			.address = endpoint->address,
			.pod = endpoint->pod,
			.port = endpoint->port,
			.protocol = want->key.protocol,
			.local = endpoint->local,
		};
		int error = endpoint_intern(present, plan, &identity, endpoint->node, endpoint->zone,
					    &members[i].endpoint);

		if (error)
			return error;
		members[i].row = (struct member_row){
			.state = endpoint->state,
			.flags = (endpoint->chosen ? MEMBER_CHOSEN : 0) |
				 (endpoint->serving ? MEMBER_SERVING : 0),
			.weight = endpoint->weight,
		};
	}
	if (want->n_endpoints)
		qsort(members, want->n_endpoints, sizeof(*members), member_compare);
	*ret = TAKE_PTR(members);
	return 0;
}

static int build_slots(enum algorithm algorithm, const struct member_entry *members, size_t count,
		       struct slot_table *ret, uint32_t *ret_chosen)
{
	_cleanup_(freep) struct weighted *weighted = calloc(count + 1, sizeof(*weighted));
	uint32_t chosen = 0;

	if (!weighted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (members[i].row.flags & MEMBER_CHOSEN)
			weighted[chosen++] = (struct weighted){ members[i].endpoint, members[i].row.weight };
	}
	*ret_chosen = chosen;
	if (algorithm == ALGORITHM_ROUND_ROBIN)
		return slots_round_robin(weighted, chosen, &ret->slots, &ret->count);
	ret->slots = calloc(chosen + 1, sizeof(*ret->slots));
	if (!ret->slots)
		return -ENOMEM;
	ret->count = slots_alias(weighted, chosen, ret->slots);
	return 0;
}

static int put_member(struct present *present, struct plan *plan, uint32_t service,
		      const struct member_entry *member, bool added)
{
	struct member_key key = { .endpoint = member->endpoint, .service = service };
	int error = added ? endpoint_take(present, member->endpoint) : 0;

	return error ? error : plan_put(plan, TABLE_MEMBERS, &key, &member->row);
}

static int delete_member(struct present *present, struct plan *plan, uint32_t service, uint64_t endpoint)
{
	struct member_key key = { .endpoint = endpoint, .service = service };
	int error = plan_delete(plan, TABLE_MEMBERS, &key);

	response_idle(present, &key);
	return error ? error : endpoint_release(present, endpoint);
}

/* Both lists are sorted by endpoint: one walk finds what is new, changed and gone. */
static int merge_members(struct present *present, struct plan *plan, struct service_entry *entry,
			 struct member_entry *wanted, size_t n_wanted)
{
	size_t i = 0, j = 0;
	int error = 0;

	while (!error && (i < entry->n_members || j < n_wanted)) {
		const struct member_entry *old = i < entry->n_members ? &entry->members[i] : NULL;
		const struct member_entry *new = j < n_wanted ? &wanted[j] : NULL;

		if (!new || (old && old->endpoint < new->endpoint)) {
			error = delete_member(present, plan, entry->row.id, old->endpoint);
			i++;
		} else if (!old || new->endpoint < old->endpoint) {
			error = put_member(present, plan, entry->row.id, new, true);
			j++;
		} else {
			if (memcmp(&old->row, &new->row, sizeof(old->row)))
				error = put_member(present, plan, entry->row.id, new, false);
			i++;
			j++;
		}
	}
	return error;
}

/* Switching on makes the members' rows, switching off leaves them to the next reaping. */
static int measure_members(struct present *present, struct plan *plan, uint32_t service, bool measured,
			   const struct member_entry *members, size_t count)
{
	struct member_key key = { .service = service };
	int error = 0;

	for (size_t i = 0; !error && i < count; i++) {
		key.endpoint = members[i].endpoint;
		if (measured)
			error = response_take(present, plan, &key);
		else
			response_idle(present, &key);
	}
	return error;
}

static int retire_slots(struct present *present, const struct service_entry *entry)
{
	struct slot_key key = { .service = entry->row.id, .generation = entry->row.generation };
	int error = 0;

	for (key.slot = 0; !error && key.slot < entry->row.slot_count; key.slot++)
		error = plan_delete(&present->garbage, TABLE_SLOTS, &key);
	return error;
}

static bool same_slots(const struct service_entry *entry, const struct slot_table *table)
{
	return entry->row.generation && entry->row.slot_count == table->count &&
	       entry->slots_read == table->count &&
	       (!table->count || !memcmp(entry->slots, table->slots, table->count * sizeof(*table->slots)));
}

/* The next generation of slots, written whole beside the one in force. */
static int replace_slots(struct present *present, struct plan *plan, struct service_entry *entry,
			 struct slot_table *table)
{
	struct slot_key key = { .service = entry->row.id, .generation = entry->row.generation + 1 };
	int error = retire_slots(present, entry);

	for (key.slot = 0; !error && key.slot < table->count; key.slot++)
		error = plan_put(plan, TABLE_SLOTS, &key, &table->slots[key.slot]);
	free(entry->slots);
	entry->slots = TAKE_PTR(table->slots);
	entry->slots_read = table->count;
	entry->row.slot_count = table->count;
	entry->row.generation++;
	return error;
}

static int put_state(struct plan *plan, struct service_entry *entry)
{
	struct service_state state = { 0 };

	if (entry->has_state)
		return 0;
	entry->has_state = true;
	return plan_put(plan, TABLE_STATE, &entry->row.id, &state);
}

static int put_splice_state(struct plan *plan, struct service_entry *entry, uint32_t flags)
{
	struct splice_state state = { 0 };

	if (entry->has_splice || !(flags & (SERVICE_SPLICE | SERVICE_SPLICE_FORCED)))
		return 0;
	entry->has_splice = true;
	return plan_put(plan, TABLE_SPLICE_STATE, &entry->row.id, &state);
}

/* What is said of the service itself. */
static void set_row(struct service_row *row, const struct want *want)
{
	row->algorithm = want->algorithm;
	row->flags = want->flags;
	row->affinity_s = want->affinity_s;
	row->decay_ms = want->decay_ms;
	row->eject_failures = want->health.eject_failures;
	row->eject_base_ms = want->health.eject_base_ms;
	row->eject_max_ms = want->health.eject_max_ms;
	row->eject_percent = want->health.eject_percent;
	row->panic_percent = want->health.panic_percent;
	row->syn_retransmits = want->health.syn_retransmits;
	row->data_retransmits = want->health.data_retransmits;
	row->connect_timeout_ms = want->health.connect_timeout_ms;
	row->refuse = want->refuse;
}

static int update_service(struct present *present, struct plan *plan, struct service_entry *entry,
			  const struct want *want)
{
	_cleanup_(slot_table_done) struct slot_table table = { 0 };
	_cleanup_(freep) struct member_entry *members = NULL;
	struct service_row before = entry->row;
	uint32_t chosen = 0;
	int error = build_members(present, plan, want, &members);

	if (!error)
		error = build_slots(want->algorithm, members, want->n_endpoints, &table, &chosen);
	if (!error)
		error = put_state(plan, entry);
	if (!error)
		error = put_splice_state(plan, entry, want->flags);
	if (!error)
		error = merge_members(present, plan, entry, members, want->n_endpoints);
	if (!error)
		error = measure_members(present, plan, entry->row.id, want->flags & SERVICE_MEASURED, members,
					want->n_endpoints);
	if (!error && !same_slots(entry, &table))
		error = replace_slots(present, plan, entry, &table);
	if (error)
		return error;
	free(entry->members);
	entry->members = TAKE_PTR(members);
	entry->n_members = want->n_endpoints;
	entry->row.endpoint_count = chosen;
	set_row(&entry->row, want);
	if (!memcmp(&before, &entry->row, sizeof(before)))
		return 0;
	return plan_put(plan, TABLE_SERVICES, &entry->key, &entry->row);
}

static int delete_service(struct present *present, struct plan *plan, struct service_entry *entry)
{
	int error = plan_delete(plan, TABLE_SERVICES, &entry->key);

	for (size_t i = 0; !error && i < entry->n_members; i++)
		error = delete_member(present, plan, entry->row.id, entry->members[i].endpoint);
	if (!error)
		error = retire_slots(present, entry);
	if (!error && entry->has_state)
		error = plan_delete(&present->garbage, TABLE_STATE, &entry->row.id);
	if (!error && entry->has_splice)
		error = plan_delete(&present->garbage, TABLE_SPLICE_STATE, &entry->row.id);
	if (!error)
		error = name_release(present, entry->row.name);
	service_remove(present, entry);
	return error;
}

static bool wants_none(const struct want *want)
{
	for (size_t i = 0; i < want->n_endpoints; i++) {
		if (want->endpoints[i].chosen)
			return false;
	}
	return true;
}

/* `keep`: what is there takes connections on until more is known. */
static int diff_want(struct present *present, const char *name, const struct want *want, bool keep,
		     struct plan *plan, const char **ret_holder)
{
	struct service_entry *entry = service_find(present, &want->key);
	const struct name_entry *own = name_find(present, name);
	struct name_entry *holder = NULL;
	int error;

	if (entry && (!own || entry->row.name != own->id)) {
		HASH_FIND(by_id, present->names_by_id, &entry->row.name, sizeof(entry->row.name), holder);
		*ret_holder = holder ? holder->text : "";
		return 0;
	}
	if (!entry) {
		error = service_add(present, plan, &want->key, name, &entry);
		if (error)
			return error;
	} else if (keep && entry->row.slot_count) {
		entry->wanted = true;
		return 0;
	}
	entry->wanted = true;
	return update_service(present, plan, entry, want);
}

int diff_service(struct present *present, const char *name, const struct wants *wants,
		 const struct diff_options *options, struct plan *plan, const char **ret_holder)
{
	struct name_entry *own = name_find(present, name);
	struct service_entry *entry, *next;
	bool lost;
	int error = 0;

	*ret_holder = NULL;
	lost = options->keep && routes_are_lost(present, name, wants);
	for (entry = own ? own->services : NULL; entry; entry = entry->next_of_name)
		entry->wanted = options->keep;
	for (size_t i = 0; !error && i < wants->count; i++) {
		const struct want *want = &wants->items[i];
		bool keep = options->keep && (lost || want->doubtful || wants_none(want));

		error = diff_want(present, name, want, keep, plan, ret_holder);
	}
	if (!error)
		error = diff_routes(present, name, wants, options, plan);
	own = name_find(present, name);
	for (entry = own ? own->services : NULL; !error && entry; entry = next) {
		next = entry->next_of_name;
		if (!entry->wanted)
			error = delete_service(present, plan, entry);
	}
	plan->meta = present->meta;
	return error;
}
