/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet becomes under other addresses and ports: byte for byte the one that would have been sent with them,
 * with every checksum computed anew.
 */
#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "shapes.h"

/* What an end becomes. All ones and zeroes: where sums in one's complement have two zeroes. */
static const struct {
	const char *v4, *v6;
	uint16_t remote_port, local_port;
} changes[] = {
	{ "10.200.3.4", "fd00:ff:1::7", 9090, 55555 },
	{ "10.0.7.9", "fd00:7:a::9", 8080, 40001 },
	{ "10.0.7.9", "fd00:7:a::9", 8081, 40001 },
	{ "10.0.7.9", "fd00:7:a::9", 8080, 1 },
	{ "255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, 65535 },
	{ "0.0.0.1", "::1", 0, 0 },
};

static const unsigned n_changes = sizeof(changes) / sizeof(*changes);

static void tell_ends(struct fixture *f, const char *address, uint16_t remote_port, uint16_t local_port)
{
	f->shim->bss->shim_packet.address = wire_addr(address);
	f->shim->bss->shim_packet.remote_port = remote_port;
	f->shim->bss->shim_packet.local_port = local_port;
}

static bool can_translate(const struct shape *shape)
{
	return shape->kind == KIND_TCP || shape->kind == KIND_UDP || shape->kind == KIND_FRAGMENT;
}

/* A packet of a shape as it is, and as it must be in the end. */
static void assert_translated(struct fixture *f, struct bpf_program *program, const struct spec *before,
			      const struct spec *after, const char *address, uint16_t remote_port,
			      uint16_t local_port)
{
	struct wire in = wire_build(before), expected = wire_build(after), out;

	tell_ends(f, address, remote_port, local_port);
	cr_assert_eq(run_packet(program, &in, &out), SHIM_OK, "%s", before->name);
	assert_same(&out, &expected, before->name);
	/* Without a checksum nobody looks at the device's sum either. */
	if (before->bare)
		return;
	cr_assert_eq(run_summed(program, &in, &out), SHIM_OK, "%s", before->name);
	assert_same(&out, &expected, before->name);
}

Test(translate, every_shape_out_and_undone)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		for (unsigned j = 0; j < n_changes && can_translate(&shapes[i]); j++) {
			struct spec before = shapes[i].spec, after = before;

			after.tuple.target = before.v4 ? changes[j].v4 : changes[j].v6;
			after.tuple.target_port = changes[j].remote_port;
			after.tuple.source_port = changes[j].local_port;
			assert_translated(&f, f.shim->progs.shim_out, &before, &after, after.tuple.target,
					  after.tuple.target_port, after.tuple.source_port);
			assert_translated(&f, f.shim->progs.shim_out, &after, &before, before.tuple.target,
					  before.tuple.target_port, before.tuple.source_port);
		}
	}
	fixture_close(&f);
}

Test(translate, every_shape_back_and_undone)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		for (unsigned j = 0; j < n_changes && can_translate(&shapes[i]); j++) {
			struct spec before = shapes[i].spec, after = before;

			after.tuple.source = before.v4 ? changes[j].v4 : changes[j].v6;
			after.tuple.source_port = changes[j].remote_port;
			after.tuple.target_port = changes[j].local_port;
			assert_translated(&f, f.shim->progs.shim_back, &before, &after, after.tuple.source,
					  after.tuple.source_port, after.tuple.target_port);
			assert_translated(&f, f.shim->progs.shim_back, &after, &before, before.tuple.source,
					  before.tuple.source_port, before.tuple.target_port);
		}
	}
	fixture_close(&f);
}

/*
 * UDP whose checksum comes out as zero, which means that there is none: it is written as all ones. The port decides
 * about that, and is tried through.
 */
Test(translate, udp_checksum_of_zero)
{
	struct fixture f = fixture_open_packets();
	unsigned zeroes = 0;

	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct spec before = { .name = "udp",
				       .v4 = v4,
				       .tuple = v4 ? tuple_v4 : tuple_v6,
				       .protocol = IPPROTO_UDP,
				       .payload = 5 };

		for (unsigned port = 0; port < 65536; port++) {
			struct spec after = before;
			struct wire w;

			after.tuple.target_port = (uint16_t)port;
			w = wire_build(&after);
			if (w.bytes[w.l4 + 6] != 0xff || w.bytes[w.l4 + 7] != 0xff)
				continue;
			zeroes++;
			assert_translated(&f, f.shim->progs.shim_out, &before, &after, after.tuple.target,
					  (uint16_t)port, after.tuple.source_port);
			assert_translated(&f, f.shim->progs.shim_out, &after, &before, after.tuple.target,
					  before.tuple.target_port, after.tuple.source_port);
		}
	}
	cr_assert_eq(zeroes, 2);
	fixture_close(&f);
}

Test(translate, other_packets_are_left_alone)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		struct wire in = wire_build(&shapes[i].spec), out;

		if (can_translate(&shapes[i]))
			continue;
		tell_ends(&f, shapes[i].spec.v4 ? "10.0.0.1" : "fd00::1", 1, 2);
		cr_assert_eq(run_packet(f.shim->progs.shim_out, &in, &out), SHIM_LEFT);
		assert_same(&out, &in, shapes[i].spec.name);
		cr_assert_eq(run_packet(f.shim->progs.shim_back, &in, &out), SHIM_LEFT);
		assert_same(&out, &in, shapes[i].spec.name);
	}
	fixture_close(&f);
}

/* Between the families there is no way. */
Test(translate, other_family_is_an_error)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		struct wire in = wire_build(&shapes[i].spec), out;

		if (!can_translate(&shapes[i]))
			continue;
		tell_ends(&f, shapes[i].spec.v4 ? "fd00::1" : "10.0.0.1", 1, 2);
		cr_assert_lt(run_packet(f.shim->progs.shim_out, &in, &out), 0, "%s", shapes[i].spec.name);
		assert_same(&out, &in, shapes[i].spec.name);
	}
	fixture_close(&f);
}

/* What fills up a short frame stays as it is. */
Test(translate, padding_is_left_alone)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		struct spec after = shapes[i].spec;
		struct wire in = wire_build(&shapes[i].spec), expected;

		if (!can_translate(&shapes[i]))
			continue;
		after.tuple.target = after.v4 ? "10.200.3.4" : "fd00:ff:1::7";
		after.tuple.target_port = 99;
		expected = wire_build(&after);
		for (unsigned j = 0; j < 18; j++)
			in.bytes[in.size++] = expected.bytes[expected.size++] = (uint8_t)(0xc0 + j);
		tell_ends(&f, after.tuple.target, 99, after.tuple.source_port);
		cr_assert_eq(run_packet(f.shim->progs.shim_out, &in, &in), SHIM_OK);
		assert_same(&in, &expected, after.name);
	}
	fixture_close(&f);
}

/* An error about a translated packet becomes one about the packet that the pod has sent. */
static void assert_quote(struct fixture *f, const struct shape *shape, unsigned change, unsigned quote)
{
	struct spec sent = shape->spec, translated = sent, before, after;
	struct wire in, expected, out;

	translated.tuple.target = sent.v4 ? changes[change].v4 : changes[change].v6;
	translated.tuple.target_port = changes[change].remote_port;
	translated.tuple.source_port = changes[change].local_port;
	before = shape_error(&translated, sent.v4 ? 3 : 1, 0, quote);
	after = shape_error(&sent, sent.v4 ? 3 : 1, 0, quote);
	in = wire_build(&before);
	expected = wire_build(&after);
	tell_ends(f, sent.tuple.target, sent.tuple.target_port, sent.tuple.source_port);
	cr_assert_eq(run_packet(f->shim->progs.shim_quoted, &in, &out), SHIM_OK, "%s", sent.name);
	assert_same(&out, &expected, sent.name);
	cr_assert_eq(run_summed(f->shim->progs.shim_quoted, &in, &out), SHIM_OK, "%s", sent.name);
}

Test(translate, quotes_of_every_shape_and_length)
{
	struct fixture f = fixture_open_packets();

	for (unsigned i = 0; i < n_shapes; i++) {
		struct wire w = wire_build(&shapes[i].spec);
		unsigned least = w.l4 - w.l3 + 8, most = w.size - w.l3;

		if (shapes[i].kind != KIND_TCP && shapes[i].kind != KIND_UDP)
			continue;
		for (unsigned j = 0; j < n_changes; j++) {
			for (unsigned quote = least; quote <= most && quote < least + 20; quote++) {
				/* Of half of TCP's checksum nothing can be made. */
				if (shapes[i].kind != KIND_TCP || quote != least + 9)
					assert_quote(&f, &shapes[i], j, quote);
			}
			assert_quote(&f, &shapes[i], j, 0);
		}
	}
	fixture_close(&f);
}

Test(translate, gateway_is_all_that_changes)
{
	struct fixture f = fixture_open_packets();

	memcpy(f.shim->bss->shim_packet.mac, "\x02\x01\x02\x03\x04\x05", WIRE_MAC);
	for (unsigned i = 0; i < n_shapes; i++) {
		struct wire in = wire_build(&shapes[i].spec), out;

		cr_assert_eq(run_packet(f.shim->progs.shim_gateway, &in, &out), SHIM_OK);
		memcpy(in.bytes, "\x02\x01\x02\x03\x04\x05", WIRE_MAC);
		assert_same(&out, &in, shapes[i].spec.name);
	}
	fixture_close(&f);
}
