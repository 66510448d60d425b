/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a packet is taken for: every shape of header, whole and cut at every length. */
#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "shapes.h"

/* As enum icmp_error in bpf/lib/packet.h. */
enum {
	ERROR_NONE,
	ERROR_UNREACHABLE,
	ERROR_OTHER,
};

static struct shim_packet parse(struct fixture *f, const struct wire *in)
{
	static struct wire out;

	memset(&f->shim->bss->shim_packet, 0xaa, sizeof(f->shim->bss->shim_packet));
	cr_assert_eq(run_packet(f->shim->progs.shim_parse, in, &out), SHIM_OK);
	cr_assert(out.size == in->size && !memcmp(out.bytes, in->bytes, in->size), "it was changed");
	return f->shim->bss->shim_packet;
}

static void assert_addresses(const struct shim_view *seen, const struct spec *spec)
{
	struct addr source = wire_addr(spec->tuple.source), target = wire_addr(spec->tuple.target);

	cr_assert(!memcmp(&seen->source, &source, sizeof(source)), "%s: source", spec->name);
	cr_assert(!memcmp(&seen->target, &target, sizeof(target)), "%s: target", spec->name);
	cr_assert_eq(seen->v4, spec->v4, "%s", spec->name);
	cr_assert_eq(seen->traffic_class, spec->traffic_class, "%s", spec->name);
}

static void assert_ports(const struct shim_view *seen, const struct spec *spec, unsigned l4)
{
	cr_assert_eq(seen->l4, l4, "%s: %u, not %u", spec->name, seen->l4, l4);
	cr_assert_eq(seen->protocol, spec->protocol, "%s", spec->name);
	cr_assert_eq(seen->source_port, spec->tuple.source_port, "%s", spec->name);
	cr_assert_eq(seen->target_port, spec->tuple.target_port, "%s", spec->name);
	if (spec->protocol == IPPROTO_TCP)
		cr_assert_eq(seen->sequence, spec->sequence, "%s", spec->name);
}

static void assert_segment(const struct shim_view *seen, const struct spec *spec, const struct wire *w)
{
	cr_assert_eq(seen->acknowledged, spec->acknowledged, "%s", spec->name);
	cr_assert_eq(seen->tcp_flags, spec->flags, "%s", spec->name);
	cr_assert_eq(seen->tcp_length, 20 + spec->options, "%s", spec->name);
	cr_assert_eq(seen->tcp_reserved, spec->reserved, "%s", spec->name);
	cr_assert_eq(seen->window, spec->window, "%s", spec->name);
	cr_assert_eq(seen->payload, w->size - w->l4 - 20 - spec->options, "%s", spec->name);
}

static bool has_ports(enum kind kind)
{
	return kind == KIND_TCP || kind == KIND_UDP;
}

Test(packet, every_shape)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		const struct spec *spec = &shapes[i].spec;
		struct wire w = wire_build(spec);
		struct shim_packet p = parse(&f, &w);

		cr_assert_eq(p.kind, shapes[i].kind, "%s: %u", spec->name, p.kind);
		assert_addresses(&p.packet, spec);
		if (has_ports(p.kind))
			assert_ports(&p.packet, spec, w.l4);
		if (p.kind == KIND_TCP)
			assert_segment(&p.packet, spec, &w);
		if (p.kind == KIND_FRAGMENT)
			cr_assert_eq(p.packet.l4, 0);
		if (p.kind == KIND_ICMP)
			cr_assert_eq(p.packet.icmp_type, spec->icmp_type);
		cr_assert_eq(p.error, ERROR_NONE);
	}
	fixture_close(&f);
}

/* So much of a frame must be there, or the kernel refuses to test it. */
static unsigned least_frame(const struct spec *spec)
{
	return WIRE_ETHERNET + (spec->v4 ? 20 : 40);
}

/* A frame that ends early. */
Test(packet, every_shape_cut_at_every_length)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		struct wire w = wire_build(&shapes[i].spec);

		while (--w.size >= least_frame(&shapes[i].spec))
			cr_assert_eq(parse(&f, &w).kind, KIND_OTHER, "%s, %u bytes", shapes[i].spec.name,
				     w.size);
	}
	fixture_close(&f);
}

/* A packet that says itself that it ends early, in a frame that does or does not. */
static void assert_short(struct fixture *f, const struct shape *shape, unsigned length, bool padded)
{
	struct wire w = wire_build(&shape->spec);
	unsigned end = w.l3 + length;
	enum kind kind;

	if (shape->spec.v4)
		wire_put16(&w, w.l3 + 2, (uint16_t)length);
	else
		wire_put16(&w, w.l3 + 4, (uint16_t)(length - 40));
	if (!padded)
		w.size = end;
	kind = parse(f, &w).kind;
	if (end >= w.l4 + shape_least(shape))
		cr_assert_eq(kind, shape->kind, "%s, %u bytes: %u", shape->spec.name, length, kind);
	else if (shape->kind == KIND_FRAGMENT)
		cr_assert(kind == KIND_OTHER || kind == KIND_FRAGMENT || kind == KIND_IP);
	else
		cr_assert(kind == KIND_OTHER || kind == KIND_IP, "%s, %u bytes: %u", shape->spec.name, length,
			  kind);
}

Test(packet, every_shape_of_every_length)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		struct wire w = wire_build(&shapes[i].spec);
		unsigned least = shapes[i].spec.v4 ? 1 : 40;

		for (unsigned length = least; length < w.size - w.l3; length++) {
			if (w.l3 + length >= least_frame(&shapes[i].spec))
				assert_short(&f, &shapes[i], length, false);
			assert_short(&f, &shapes[i], length, true);
		}
	}
	fixture_close(&f);
}

/* A header that promises too little or too much, or is of another version. */
Test(packet, headers_that_lie)
{
	static const struct {
		unsigned shape_v6, at, value;
	} lies[] = {
		{ 0, 0, 0x44 },	 { 0, 0, 0x40 },  { 0, 0, 0x55 },  { 0, 0, 0x65 }, { 0, 32, 0x40 },
		{ 0, 32, 0x00 }, { 0, 32, 0x60 }, { 0, 2, 0xff },  { 1, 0, 0x40 }, { 1, 0, 0x70 },
		{ 1, 4, 0xff },	 { 1, 52, 0x40 }, { 1, 52, 0x60 },
	};
	static const struct spec bare[] = {
		{ .v4 = true, .tuple = { "10.1.0.5", "10.0.7.9", 1, 2 }, .protocol = IPPROTO_TCP },
		{ .tuple = { "fd00::1", "fd00::2", 1, 2 }, .protocol = IPPROTO_TCP },
	};
	struct fixture f = fixture_open_packets();

	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct wire w = wire_build(&bare[lies[i].shape_v6]);

		w.bytes[w.l3 + lies[i].at] = (uint8_t)lies[i].value;
		cr_assert_eq(parse(&f, &w).kind, KIND_OTHER, "lie %zu", i);
	}
	fixture_close(&f);
}

Test(packet, frames_that_are_not_ip)
{
	static const uint16_t types[] = { 0x8100, 0x88a8, 0x0806, 0x8847, 0x0004, 0x86dc, 0x0801 };
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		struct wire w = wire_build(&shapes[i].spec);

		for (size_t j = 0; j < sizeof(types) / sizeof(*types); j++) {
			wire_put16(&w, 12, types[j]);
			cr_assert_eq(parse(&f, &w).kind, KIND_OTHER, "%s, %x", shapes[i].spec.name, types[j]);
		}
	}
	fixture_close(&f);
}

/* The tag stands before the type. */
Test(packet, vlan_in_the_frame_is_left_alone)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		struct wire w = wire_build(&shapes[i].spec);

		memmove(w.bytes + 16, w.bytes + 12, w.size - 12);
		wire_put32(&w, 12, 0x81000064);
		w.size += 4;
		cr_assert_eq(parse(&f, &w).kind, KIND_OTHER, "%s", shapes[i].spec.name);
	}
	fixture_close(&f);
}

Test(packet, kinds_of_icmp_errors)
{
	static const struct {
		bool v4;
		uint8_t type, code;
		unsigned error;
	} cases[] = {
		{ true, 0, 0, ERROR_NONE },	    { true, 3, 0, ERROR_UNREACHABLE },
		{ true, 3, 1, ERROR_UNREACHABLE },  { true, 3, 3, ERROR_UNREACHABLE },
		{ true, 3, 4, ERROR_OTHER },	    { true, 3, 13, ERROR_UNREACHABLE },
		{ true, 5, 0, ERROR_NONE },	    { true, 8, 0, ERROR_NONE },
		{ true, 11, 0, ERROR_OTHER },	    { true, 12, 0, ERROR_OTHER },
		{ true, 13, 0, ERROR_NONE },	    { true, 1, 0, ERROR_NONE },
		{ false, 1, 0, ERROR_UNREACHABLE }, { false, 1, 4, ERROR_UNREACHABLE },
		{ false, 2, 0, ERROR_OTHER },	    { false, 3, 0, ERROR_OTHER },
		{ false, 4, 1, ERROR_OTHER },	    { false, 0, 0, ERROR_NONE },
		{ false, 5, 0, ERROR_NONE },	    { false, 128, 0, ERROR_NONE },
		{ false, 135, 0, ERROR_NONE },
	};
	struct fixture f = fixture_open_packets();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct spec quoted = {
			.v4 = cases[i].v4,
			.tuple = cases[i].v4 ? tuple_v4 : tuple_v6,
			.protocol = IPPROTO_TCP,
			.sequence = 77,
		};
		struct spec error = shape_error(&quoted, cases[i].type, cases[i].code, 0);
		struct wire w = wire_build(&error);
		struct shim_packet p = parse(&f, &w);

		cr_assert_eq(p.error, cases[i].error, "case %zu", i);
		cr_assert_eq(p.is_quoted, cases[i].error != ERROR_NONE, "case %zu", i);
	}
	fixture_close(&f);
}

/* An error quotes each shape as far as it likes: from eight bytes of its message on it is known. */
static void assert_quote(struct fixture *f, const struct shape *shape, unsigned quote)
{
	struct spec error = shape_error(&shape->spec, shape->spec.v4 ? 3 : 1, 0, quote);
	struct wire quoted = wire_build(&shape->spec), w = wire_build(&error);
	bool enough = has_ports(shape->kind) && quote >= quoted.l4 - quoted.l3 + 8;
	struct shim_packet p = parse(f, &w);

	cr_assert_eq(p.kind, KIND_ICMP);
	cr_assert_eq(p.error, ERROR_UNREACHABLE);
	cr_assert_eq(p.is_quoted, enough, "%s, %u bytes", shape->spec.name, quote);
	if (!enough)
		return;
	assert_addresses(&p.quoted, &shape->spec);
	assert_ports(&p.quoted, &shape->spec, w.l4 + 8 + quoted.l4 - quoted.l3);
}

Test(packet, quotes_of_every_shape_and_length)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		struct wire w = wire_build(&shapes[i].spec);

		for (unsigned quote = 1; quote <= w.size - w.l3 && quote < 200; quote++)
			assert_quote(&f, &shapes[i], quote);
	}
	fixture_close(&f);
}

/* What fills up a frame behind an error is no part of what it quotes. */
Test(packet, quote_ends_with_its_error)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		const struct spec *spec = &shapes[i].spec;
		struct spec error = shape_error(spec, spec->v4 ? 3 : 1, 0, 0);
		struct wire quoted = wire_build(spec), w = wire_build(&error);
		unsigned length = w.l4 + 8 + quoted.l4 - quoted.l3 + 7 - w.l3;

		if (!has_ports(shapes[i].kind))
			continue;
		if (spec->v4)
			wire_put16(&w, w.l3 + 2, (uint16_t)length);
		else
			wire_put16(&w, w.l3 + 4, (uint16_t)(length - 40));
		cr_assert(!parse(&f, &w).is_quoted, "%s", spec->name);
	}
	fixture_close(&f);
}
