/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rows that change at full speed under a reader: no look-up may see half of one writing and half of another.
 * (A reader that does not take the lock sees hundreds of mixed rows here.)
 */
#include <pthread.h>
#include <stdatomic.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "fixture.h"

struct writer {
	struct fixture *fixture;
	struct service_key key;
	atomic_bool stop;
	uint64_t writes;
};

static void *write_rows(void *arg)
{
	struct writer *w = arg;
	int fd = bpf_map__fd(w->fixture->shim->maps.services);

	for (uint32_t n = 1; !atomic_load(&w->stop); n++) {
		struct service_row row = {
			.id = n,
			.generation = n,
			.slot_count = n,
			.flags = n,
			.affinity_s = n,
		};

		if (!bpf_map_update_elem(fd, &w->key, &row, BPF_F_LOCK))
			w->writes++;
	}
	return NULL;
}

Test(torn, two_million_look_ups_see_whole_rows, .timeout = 300)
{
	struct fixture f = fixture_open();
	struct writer writer = { .fixture = &f, .key = fixture_key("10.96.0.1", 80) };
	struct shim_torn c = { .key = writer.key };
	pthread_t thread;

	put_service(&f, &writer.key, (struct service_row){ 0 });
	cr_assert(!pthread_create(&thread, NULL, write_rows, &writer));
	/* Without change under its eyes the reader would prove nothing. */
	while (c.lookups < 2000000 || c.changes < 10000)
		run(f.shim->progs.shim_torn, &c, sizeof(c));
	atomic_store(&writer.stop, true);
	pthread_join(thread, NULL);
	cr_log_info("%lu look-ups, %lu writes, %lu changes seen", c.lookups, writer.writes, c.changes);
	cr_assert_eq(c.mixed, 0, "%lu of %lu rows were mixed", c.mixed, c.lookups);
	cr_assert_eq(c.missing, 0);
	fixture_close(&f);
}
