/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Look-ups alone: nothing is written. */
#include "kern/route.h"

#include <errno.h>

#include <bpf/bpf.h>

#include "base/attr.h"
#include "kern/pins.h"

static int look_up(const struct kern *kern, enum table table, const void *key, void *ret)
{
	uint64_t flags = table_shapes[table].locked ? BPF_F_LOCK : 0;

	return bpf_map_lookup_elem_flags(kern->tables[table], key, ret, flags) ? -errno : 0;
}

static int look_up_pinned(const struct kern *kern, const char *map, const void *key, void *ret)
{
	_cleanup_(closep) int fd = pins_get(kern->dir, NULL, map);

	if (fd < 0)
		return fd;
	return bpf_map_lookup_elem(fd, key, ret) ? -errno : 0;
}

int kern_service(const struct kern *kern, const struct service_key *key, struct service_row *ret)
{
	return look_up(kern, TABLE_SERVICES, key, ret);
}

int kern_service_state(const struct kern *kern, uint32_t service, struct service_state *ret)
{
	return look_up(kern, TABLE_STATE, &service, ret);
}

int kern_endpoint_at(const struct kern *kern, const struct service_key *key, uint64_t *ret)
{
	return look_up(kern, TABLE_INDEX, key, ret);
}

int kern_affinity(const struct kern *kern, const struct affinity_key *key, struct affinity_row *ret)
{
	return look_up_pinned(kern, "affinity", key, ret);
}

int kern_slots(const struct kern *kern, const struct service_row *service, struct slot_row *ret_slots)
{
	struct slot_key key = { .service = service->id, .generation = service->generation };
	int error = 0;

	for (; !error && key.slot < service->slot_count; key.slot++)
		error = look_up(kern, TABLE_SLOTS, &key, &ret_slots[key.slot]);
	return error;
}

int kern_census_epoch(const struct kern *kern, uint64_t *ret)
{
	struct settings_row settings;
	struct health_row health;
	uint32_t key = 0;
	int error = look_up_pinned(kern, "health", &key, &health);

	if (error)
		return error;
	if (bpf_map_lookup_elem(kern->settings, &key, &settings))
		return -errno;
	*ret = health.epoch + settings.drain_epoch;
	return 0;
}

bool kern_watches_packets(const struct kern *kern)
{
	uint32_t index;

	return !bpf_map_get_next_key(kern->interfaces, NULL, &index);
}
