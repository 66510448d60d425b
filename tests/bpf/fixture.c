/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows by hand. */
#include "fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>

#include "base/addr.h"

/* BPF_F_TEST_SKB_CHECKSUM_COMPLETE, which older headers lack. */
#define TEST_SKB_CHECKSUM_COMPLETE (1u << 2)

/* Can the kernel take a lock in a syscall program? It could not at first, nor had it such programs. */
static bool kernel_can(void)
{
	struct shim *shim = shim__open();
	struct bpf_program *program;
	bool can;

	bpf_object__for_each_program (program, shim->obj)
		bpf_program__set_autoload(program, program == shim->progs.shim_lock);
	can = !shim__load(shim);
	shim__destroy(shim);
	return can;
}

/* The hooks, which are linked in too, are for the live tests; to verify them takes long. */
static bool is_shim(struct bpf_program *program)
{
	return !strncmp(bpf_program__name(program), "shim_", strlen("shim_"));
}

static struct fixture fixture_load(enum bpf_prog_type type, bool hooks)
{
	struct bpf_program *program;
	struct fixture f = { 0 };

	if (!kernel_can())
		cr_skip_test("this kernel has no syscall programs, or they cannot take a spin lock");
	f.shim = shim__open();
	cr_assert(f.shim, "the shim does not open: %s", strerror(errno));
	bpf_object__for_each_program (program, f.shim->obj)
		bpf_program__set_autoload(program,
					  bpf_program__type(program) == type && (hooks || is_shim(program)));
	f.shim->rodata->can_count_flows = true;
	cr_assert(!shim__load(f.shim), "the shim does not load: %s", strerror(errno));
	return f;
}

struct fixture fixture_open(void)
{
	return fixture_load(BPF_PROG_TYPE_SYSCALL, false);
}

struct fixture fixture_open_packets(void)
{
	return fixture_load(BPF_PROG_TYPE_SCHED_CLS, false);
}

struct fixture fixture_open_tc(void)
{
	return fixture_load(BPF_PROG_TYPE_SCHED_CLS, true);
}

void fixture_close(struct fixture *f)
{
	shim__destroy(f->shim);
}

struct service_key fixture_key(const char *address, unsigned port)
{
	struct service_key key = { .port = port, .protocol = IPPROTO_TCP };

	cr_assert(!addr_parse(address, &key.address));
	return key;
}

static void put(struct bpf_map *map, const void *key, const void *value, uint64_t flags)
{
	cr_assert(!bpf_map_update_elem(bpf_map__fd(map), key, value, flags), "%s: %s", bpf_map__name(map),
		  strerror(errno));
}

void put_service(struct fixture *f, const struct service_key *key, struct service_row row)
{
	put(f->shim->maps.services, key, &row, BPF_F_LOCK);
}

void put_slot(struct fixture *f, uint32_t service, uint32_t generation, uint32_t slot, struct slot_row row)
{
	struct slot_key key = { service, generation, slot };

	put(f->shim->maps.slots, &key, &row, BPF_ANY);
}

void put_endpoint(struct fixture *f, uint64_t id, const char *address, unsigned port)
{
	struct endpoint_row row = { .port = port, .protocol = IPPROTO_TCP };

	cr_assert(!addr_parse(address, &row.address));
	put(f->shim->maps.endpoints, &id, &row, BPF_ANY);
}

void put_member(struct fixture *f, uint32_t service, uint64_t endpoint, uint32_t flags)
{
	struct member_key key = { .endpoint = endpoint, .service = service };
	struct member_row row = { .flags = flags, .weight = 1 };

	put(f->shim->maps.members, &key, &row, BPF_F_LOCK);
}

void put_state(struct fixture *f, uint64_t endpoint, struct endpoint_state row)
{
	put(f->shim->maps.endpoint_state, &endpoint, &row, BPF_F_LOCK);
}

struct endpoint_state get_state(struct fixture *f, uint64_t endpoint)
{
	struct endpoint_state row;

	cr_assert(!bpf_map_lookup_elem_flags(bpf_map__fd(f->shim->maps.endpoint_state), &endpoint, &row,
					     BPF_F_LOCK));
	return row;
}

void put_response(struct fixture *f, uint64_t endpoint, struct response_state row)
{
	struct member_key key = { .endpoint = endpoint, .service = 1 };

	put(f->shim->maps.response_state, &key, &row, BPF_F_LOCK);
}

struct response_state get_response(struct fixture *f, uint64_t endpoint)
{
	struct member_key key = { .endpoint = endpoint, .service = 1 };
	struct response_state row;

	cr_assert(!bpf_map_lookup_elem_flags(bpf_map__fd(f->shim->maps.response_state), &key, &row,
					     BPF_F_LOCK));
	return row;
}

void put_drain(struct fixture *f, uint64_t endpoint)
{
	struct settings_row settings = { 0 };
	struct drain_row drain = { 1 };
	uint32_t key = 0;

	put(f->shim->maps.drains, &endpoint, &drain, BPF_ANY);
	cr_assert(!bpf_map_lookup_elem(bpf_map__fd(f->shim->maps.settings), &key, &settings));
	settings.drains = 1;
	settings.drain_epoch++;
	put(f->shim->maps.settings, &key, &settings, BPF_ANY);
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

struct service_key put_simple(struct fixture *f, uint32_t count, struct service_row row)
{
	struct service_key key = fixture_key("10.96.0.1", 80);
	struct service_state state = { 0 };
	char address[ADDR_TEXT];

	row.id = 1;
	row.generation = 1;
	row.slot_count = count;
	row.endpoint_count = count;
	for (uint32_t i = 0; i < count; i++) {
		snprintf(address, sizeof(address), "10.0.0.%u", i + 1);
		put_endpoint(f, i + 1, address, 80);
		put_state(f, i + 1, (struct endpoint_state){ 0 });
		put_member(f, 1, i + 1, MEMBER_CHOSEN | MEMBER_SERVING);
		put_slot(f, 1, 1, i, (struct slot_row){ i + 1, i + 1, UINT32_MAX, 1 });
	}
	put(f->shim->maps.service_state, &row.id, &state, BPF_F_LOCK);
	put_service(f, &key, row);
	return key;
}

void run(struct bpf_program *program, void *context, size_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = context, .ctx_size_in = size);
	int error = bpf_prog_test_run_opts(bpf_program__fd(program), &options);

	cr_assert(!error, "%s: %s", bpf_program__name(program), strerror(-error));
}

static int run_with(struct bpf_program *program, const struct wire *in, struct wire *out, uint32_t flags,
		    int *ret_error)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes, .data_size_in = in->size,
		    .data_out = out->bytes, .data_size_out = WIRE_SIZE, .flags = flags);

	*ret_error = bpf_prog_test_run_opts(bpf_program__fd(program), &options);
	if (!*ret_error)
		out->size = options.data_size_out;
	return (int)options.retval;
}

int run_packet(struct bpf_program *program, const struct wire *in, struct wire *out)
{
	int error, verdict = run_with(program, in, out, 0, &error);

	cr_assert(!error, "%s: %s", bpf_program__name(program), strerror(-error));
	return verdict;
}

int run_summed(struct bpf_program *program, const struct wire *in, struct wire *out)
{
	int error, verdict = run_with(program, in, out, TEST_SKB_CHECKSUM_COMPLETE, &error);

	if (error == -EINVAL)
		return run_packet(program, in, out);
	cr_assert(!error, "%s: %s", bpf_program__name(program),
		  error == -EBADMSG ? "the device's sum is wrong" : strerror(-error));
	return verdict;
}

struct shim_route route(struct fixture *f, const struct service_key *key, uint64_t client)
{
	struct shim_route c = { .key = *key, .client = client };

	run(f->shim->progs.shim_route, &c, sizeof(c));
	return c;
}

void route_many(struct fixture *f, const struct service_key *key, unsigned count, unsigned *shares,
		unsigned size)
{
	memset(shares, 0, size * sizeof(*shares));
	for (unsigned i = 0; i < count; i++) {
		struct shim_route c = route(f, key, 1);

		cr_assert_eq(c.verdict, SEND);
		cr_assert_lt(c.endpoint, size);
		shares[c.endpoint]++;
	}
}

void tell(struct fixture *f, const struct service_key *key, uint64_t endpoint, enum failure failure,
	  uint32_t sock_flags)
{
	struct shim_health c = {
		.sock = {
			.dialled = key->address,
			.dialled_port = key->port,
			.endpoint = endpoint,
			.service = 1,
			.flags = SOCK_COUNTED | sock_flags,
		},
		.failure = failure,
	};

	run(f->shim->progs.shim_health, &c, sizeof(c));
}

struct collected {
	struct event *events;
	unsigned count, size;
};

static int collect(void *context, void *data, size_t size)
{
	struct collected *all = context;

	cr_assert_eq(size, sizeof(struct event));
	if (all->count < all->size)
		memcpy(&all->events[all->count++], data, size);
	return 0;
}

unsigned events_read(struct fixture *f, struct event *ret, unsigned size)
{
	struct collected all = { ret, 0, size };
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(f->shim->maps.events), collect, &all, NULL);

	cr_assert(ring);
	ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return all.count;
}

uint64_t counted(struct fixture *f, enum reason reason)
{
	int n_cpus = libbpf_num_possible_cpus();
	struct stats_row *rows = calloc(n_cpus, sizeof(*rows));
	uint32_t key = 0;
	uint64_t sum = 0;

	cr_assert(!bpf_map_lookup_elem(bpf_map__fd(f->shim->maps.stats), &key, rows));
	for (int i = 0; i < n_cpus; i++)
		sum += ((uint64_t *)&rows[i])[reason];
	free(rows);
	return sum;
}
