/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that nobody would build, through weft's own programs at tc and through the parts they are made of: what is
 * of no interest leaves as it came, the rest as the model has it. FUZZ_SEED repeats a run.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "fixture.h"
#include "model.h"

enum {
	PACKETS = 100000,
	INTERFACE = 1, /* where the kernel's test has packets come in */

	TC_NEXT = -1,
	TC_DROP = 2,
	TC_REDIRECT = 7,
};

static uint64_t seed;

/* Of splitmix64. */
static uint64_t next_random(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static unsigned below(unsigned limit)
{
	return (unsigned)(next_random() % limit);
}

static uint64_t begin(void)
{
	const char *given = getenv("FUZZ_SEED");

	seed = given ? strtoull(given, NULL, 0) : now_ns() ^ (uint64_t)getpid() << 32;
	fprintf(stderr, "FUZZ_SEED=0x%llx\n", (unsigned long long)seed);
	return seed;
}

/* Few addresses and ports, so that rows are met. */
static const char *const addresses[2][4] = {
	{ "fd00:1::5", "fd00:7:a::9", "fd00:ff:1::7", "::1" },
	{ "10.1.0.5", "10.0.7.9", "10.200.3.4", "127.0.0.1" },
};
static const uint16_t ports[] = { 8080, 40001, 53 };

static struct tuple random_tuple(bool v4)
{
	return (struct tuple){ addresses[v4][below(4)], addresses[v4][below(4)], ports[below(3)],
			       ports[below(3)] };
}

static struct spec random_spec(void)
{
	struct spec spec = shapes[below(n_shapes)].spec;

	spec.tuple = random_tuple(spec.v4);
	spec.sequence = (uint32_t)next_random();
	spec.acknowledged = (uint32_t)next_random();
	spec.flags = (uint8_t)next_random();
	return spec;
}

static struct wire random_shape(void)
{
	static const uint8_t types[2][6] = { { 1, 2, 3, 4, 1, 135 }, { 3, 3, 11, 12, 5, 8 } };
	struct spec spec = random_spec(), error;

	if (below(4))
		return wire_build(&spec);
	error = shape_error(&spec, types[spec.v4][below(6)], below(8), 0);
	error.ip_options = spec.v4 ? below(3) * 4 : 0;
	return wire_build(&error);
}

static struct wire random_bytes(void)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8100, 0x88cc };
	struct wire w = { .size = 60 + below(200) };

	for (unsigned i = 0; i < w.size; i++)
		w.bytes[i] = (uint8_t)next_random();
	wire_put16(&w, 12, types[below(5)]);
	if (below(2))
		w.bytes[14] = w.bytes[13] ? 0x60 : 0x45;
	return w;
}

static void mutate(struct wire *w)
{
	for (unsigned i = below(6); i; i--) {
		/* Mostly in the headers, and mostly behind the type of the frame. */
		unsigned at = below(8) ? 14 + below(w->size < 120 ? w->size - 14 : 106) : below(w->size);

		switch (below(3)) {
		case 0:
			w->bytes[at] = (uint8_t)next_random();
			break;
		case 1:
			w->bytes[at] ^= (uint8_t)(1 << below(8));
			break;
		default:
			w->bytes[at] = below(2) ? 0 : 0xff;
		}
	}
}

/* The kernel does not test a frame without the whole of its first header. */
static unsigned least_size(const struct wire *w)
{
	if (w->bytes[12] == 0x08 && w->bytes[13] == 0)
		return 34;
	return w->bytes[12] == 0x86 && w->bytes[13] == 0xdd ? 54 : 15;
}

static struct wire random_packet(void)
{
	struct wire w = below(5) ? random_shape() : random_bytes();
	unsigned least;

	if (below(4))
		mutate(&w);
	least = least_size(&w);
	if (!below(4) && w.size > least)
		w.size = least + below(w.size - least);
	return w;
}

static bool is_same(const struct wire *a, const struct wire *b)
{
	return a->size == b->size && !memcmp(a->bytes, b->bytes, a->size);
}

Test(fuzz, without_rows_nothing_is_of_interest)
{
	struct fixture f = fixture_open_tc();
	uint64_t from = begin();
	static struct wire out;

	for (unsigned i = 0; i < PACKETS; i++) {
		struct wire w = random_packet();

		cr_assert_eq(run_packet(f.shim->progs.weft_from_pod, &w, &out), TC_NEXT, "seed %#lx, %u",
			     from, i);
		cr_assert(is_same(&w, &out), "seed %#lx, %u", from, i);
		cr_assert_eq(run_packet(f.shim->progs.weft_to_pod, &w, &out), TC_NEXT, "seed %#lx, %u", from,
			     i);
		cr_assert(is_same(&w, &out), "seed %#lx, %u", from, i);
	}
	fixture_close(&f);
}

Test(fuzz, packets_are_read_as_the_model_reads_them)
{
	struct fixture f = fixture_open_packets();
	uint64_t from = begin();
	static struct wire out;

	for (unsigned i = 0; i < PACKETS; i++) {
		struct wire w = random_packet();
		struct seen seen = model_parse(&w), quoted = { 0 };
		struct shim_packet *p = &f.shim->bss->shim_packet;

		if (seen.kind == KIND_ICMP)
			quoted = model_quoted(&w, &seen);
		cr_assert_eq(run_packet(f.shim->progs.shim_parse, &w, &out), SHIM_OK);
		cr_assert(is_same(&w, &out), "seed %#lx, %u", from, i);
		cr_assert_eq(p->kind == KIND_IP ? KIND_OTHER : p->kind, seen.kind,
			     "seed %#lx, %u: %u, not %u", from, i, p->kind, seen.kind);
		cr_assert_eq(p->is_quoted, quoted.kind != KIND_OTHER, "seed %#lx, %u", from, i);
		if (seen.kind == KIND_OTHER)
			continue;
		cr_assert(!memcmp(&p->packet.source, &seen.source, sizeof(seen.source)));
		cr_assert(!memcmp(&p->packet.target, &seen.target, sizeof(seen.target)));
		if (p->is_quoted) {
			cr_assert_eq(p->quoted.l4, quoted.l4, "seed %#lx, %u", from, i);
			cr_assert_eq(p->quoted.target_port, quoted.target_port, "seed %#lx, %u", from, i);
		}
	}
	fixture_close(&f);
}

/* A part either does what it is for, or leaves the packet as it is. */
Test(fuzz, parts_finish_or_leave_alone)
{
	struct fixture f = fixture_open_packets();
	struct bpf_program *const programs[] = {
		f.shim->progs.shim_out,	 f.shim->progs.shim_back,      f.shim->progs.shim_quoted,
		f.shim->progs.shim_keep, f.shim->progs.shim_syn,       f.shim->progs.shim_reset,
		f.shim->progs.shim_arp,	 f.shim->progs.shim_discovery,
	};
	struct shim_packet *p = &f.shim->bss->shim_packet;
	uint64_t from = begin();
	static struct wire out;

	for (unsigned i = 0; i < PACKETS; i++) {
		struct wire w = random_packet();
		struct tuple tuple = random_tuple(below(2));

		p->client = wire_addr(tuple.source);
		p->address = wire_addr(tuple.target);
		p->local_port = tuple.source_port;
		p->remote_port = tuple.target_port;
		p->syn.length = (uint8_t)(below(11) * 4);
		for (unsigned j = 0; j < sizeof(programs) / sizeof(*programs); j++) {
			int verdict = run_packet(programs[j], &w, &out);

			if (verdict != SHIM_OK)
				cr_assert(is_same(&w, &out), "seed %#lx, %u, program %u: %d", from, i, j,
					  verdict);
		}
	}
	fixture_close(&f);
}

/* ---- with rows ---- */

struct row {
	struct move_key key;
	struct move_row row;
};

enum {
	ROWS = 48,
};

static void put_rows(struct fixture *f, struct row rows[ROWS])
{
	struct rescues_row switched = { .moves = ROWS };
	uint32_t zero = 0;

	for (unsigned i = 0; i < ROWS; i++) {
		bool v4 = i % 2;
		struct tuple tuple = random_tuple(v4);
		struct row row = {
			.key = {
				.remote = wire_addr(tuple.source),
				.local = wire_addr(tuple.target),
				.interface = INTERFACE,
				.remote_port = tuple.source_port,
				.local_port = tuple.target_port,
				.protocol = below(3) ? IPPROTO_TCP : IPPROTO_UDP,
			},
			.row = {
				.remote = wire_addr(v4 ? "10.99.1.2" : "fd00:99::1:2"),
				.remote_port = (uint16_t)next_random(),
				.local_port = (uint16_t)next_random(),
				.flags = below(4) ? 0 : MOVE_GIVEN_UP,
			},
		};

		rows[i] = row;
		cr_assert(
			!bpf_map_update_elem(bpf_map__fd(f->shim->maps.moves), &row.key, &row.row, BPF_ANY));
	}
	cr_assert(!bpf_map_update_elem(bpf_map__fd(f->shim->maps.rescues), &zero, &switched, BPF_ANY));
}

/* The last one that was written. */
static const struct move_row *find_row(const struct row rows[ROWS], const struct seen *seen, bool quoted)
{
	struct move_key key = {
		.remote = quoted ? seen->target : seen->source,
		.local = quoted ? seen->source : seen->target,
		.interface = INTERFACE,
		.remote_port = quoted ? seen->target_port : seen->source_port,
		.local_port = quoted ? seen->source_port : seen->target_port,
		.protocol = seen->protocol,
	};

	for (unsigned i = ROWS; i--;) {
		if (!memcmp(&rows[i].key, &key, sizeof(key)))
			return &rows[i].row;
	}
	return NULL;
}

/* Datagrams whose first fragment was translated: the others come from the same address. */
static struct {
	struct seen first;
	struct addr remote;
} datagrams[1024];
static unsigned n_datagrams;

static const struct addr *find_datagram(const struct seen *seen)
{
	for (unsigned i = n_datagrams; i--;) {
		const struct seen *first = &datagrams[i].first;

		if (first->protocol == seen->protocol && first->datagram == seen->datagram &&
		    !memcmp(&first->source, &seen->source, sizeof(seen->source)) &&
		    !memcmp(&first->target, &seen->target, sizeof(seen->target)))
			return &datagrams[i].remote;
	}
	return NULL;
}

static void note_datagram(const struct seen *seen, const struct addr *remote)
{
	cr_assert_lt(n_datagrams, 1024);
	datagrams[n_datagrams].first = *seen;
	datagrams[n_datagrams++].remote = *remote;
}

/* What weft_to_pod must do with the packet, which becomes what it must be. False: only the verdict counts. */
static bool expect(const struct row rows[ROWS], struct wire *w, const struct seen *seen, struct seen *quoted,
		   int *ret_verdict)
{
	const struct move_row *row = NULL;
	const struct addr *remote;

	*ret_verdict = TC_NEXT;
	if (seen->kind == KIND_FRAGMENT) {
		remote = find_datagram(seen);
		if (remote)
			model_translate(w, seen, false, remote, 0, 0);
		return true;
	}
	if (seen->kind == KIND_TCP || seen->kind == KIND_UDP) {
		row = find_row(rows, seen, false);
	} else if (seen->kind == KIND_ICMP) {
		*quoted = model_quoted(w, seen);
		if (quoted->kind != KIND_OTHER)
			row = find_row(rows, quoted, true);
	}
	if (!row)
		return true;
	if (row->flags & MOVE_GIVEN_UP && (seen->kind == KIND_TCP || quoted->kind != KIND_OTHER)) {
		/* There is no row of the interface that a reset could be sent with. */
		*ret_verdict = TC_DROP;
		return false;
	}
	if (seen->kind == KIND_UDP && seen->cut)
		note_datagram(seen, &row->remote);
	if (seen->kind == KIND_ICMP)
		model_translate_quoted(w, seen, quoted, &row->remote, row->remote_port, row->local_port);
	else
		model_translate(w, seen, false, &row->remote, row->remote_port, row->local_port);
	return true;
}

Test(fuzz, moved_connections_are_translated_and_nothing_else)
{
	struct fixture f = fixture_open_tc();
	unsigned translated = 0, quotes = 0, dropped = 0;
	uint64_t from = begin();
	struct row rows[ROWS];
	static struct wire out;

	put_rows(&f, rows);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct wire w = random_packet(), expected = w;
		struct seen seen = model_parse(&w), quoted = { 0 };
		int verdict;
		bool whole = expect(rows, &expected, &seen, &quoted, &verdict);

		cr_assert_eq(run_packet(f.shim->progs.weft_to_pod, &w, &out), verdict, "seed %#lx, %u", from,
			     i);
		if (whole)
			cr_assert(model_equal(&out, &expected, &seen, &quoted), "seed %#lx, %u", from, i);
		translated += whole && !is_same(&w, &expected) && seen.kind != KIND_ICMP;
		quotes += whole && !is_same(&w, &expected) && seen.kind == KIND_ICMP;
		dropped += verdict == TC_DROP;
	}
	cr_assert(translated > 100 && quotes > 20 && dropped > 20, "%u, %u, %u", translated, quotes, dropped);
	fixture_close(&f);
}
