/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The numbers that programs read with each message, and the program itself. */
#include "kern/splice.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/attr.h"
#include "kern/pins.h"

const char *const splice_failure_names[SPLICE_FAILURES] = {
	"run", "order", "epipe", "fin", "memory", "fionread_passed", "fionread_redirected",
};

struct feature_state splice_auto(uint32_t test, const struct why *why)
{
	struct feature_state state = {
		.name = "splice_auto",
		.effect = "services with weft.dev/splice: auto are not spliced",
		.on = test == SPLICE_TESTED,
		.why = *why,
	};

	if (!test)
		why_set(&state.why, 0, "the splice is off");
	return state;
}

int kern_splicing_read(const struct kern *kern, enum splicing number, uint64_t *ret)
{
	uint32_t key = number;

	return bpf_map_lookup_elem(kern->splicing, &key, ret) ? -errno : 0;
}

int kern_splicing_write(const struct kern *kern, enum splicing number, uint64_t value)
{
	uint32_t key = number;

	return bpf_map_update_elem(kern->splicing, &key, &value, BPF_ANY) ? -errno : 0;
}

int kern_splice_state(const struct kern *kern, uint32_t service, struct splice_state *ret)
{
	if (!bpf_map_lookup_elem(kern->tables[TABLE_SPLICE_STATE], &service, ret))
		return 0;
	*ret = (struct splice_state){ 0 };
	return errno == ENOENT ? 0 : -errno;
}

int kern_splice_pairs(const struct kern *kern, kern_pair_fn *call, void *arg, struct why *why)
{
	_cleanup_(closep) int map = pins_get(kern->dir, NULL, "splice_pairs");
	uint64_t key, *previous = NULL;
	struct splice_pair pair;

	if (map < 0)
		return why_set(why, map, "%s/splice_pairs: %s", kern->dir, strerror(-map));
	while (!bpf_map_get_next_key(map, previous, &key)) {
		if (!bpf_map_lookup_elem(map, &key, &pair))
			call(arg, &pair);
		previous = &key;
	}
	return 0;
}
