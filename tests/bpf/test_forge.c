/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets that are made of others: byte for byte those that a host would have sent. */
#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "shapes.h"

static const uint8_t gateway[WIRE_MAC] = { 2, 0xbb, 0, 0, 0, 9 };

static const uint8_t numbers[SYN_OPTIONS] = {
	2,  4,	5,  180, 4,  2,	 8,  10, 1,  2,	 3,  4,	 0,  0, 0,  0,	1,  3,	3,  7,
	69, 12, 10, 11,	 12, 13, 14, 15, 16, 17, 18, 19, 70, 8, 20, 21, 22, 23, 24, 25,
};

/* The SYN that is kept, towards where the connect went at first. */
static struct spec syn_spec(bool v4, unsigned options)
{
	return (struct spec){
		.name = "syn",
		.v4 = v4,
		.tuple = v4 ? tuple_v4 : tuple_v6,
		.protocol = IPPROTO_TCP,
		.flags = WIRE_SYN | 0xc0,
		.reserved = 1,
		.traffic_class = 0x48,
		.sequence = 0x89abcdef,
		.window = 64240,
		.option_bytes = numbers,
		.options = options,
		.ttl = 64,
	};
}

static struct syn_copy copy_of(const struct spec *syn)
{
	struct syn_copy copy = {
		.sequence = syn->sequence,
		.window = syn->window,
		.length = (uint8_t)syn->options,
		.flags = syn->flags,
		.reserved_bits = syn->reserved,
		.traffic_class = syn->traffic_class,
	};

	memcpy(copy.options, syn->option_bytes, syn->options);
	return copy;
}

static struct tuple answers(const struct tuple *to)
{
	return (struct tuple){ to->target, to->source, to->target_port, to->source_port };
}

/* ---- keeping a SYN ---- */

Test(forge, syn_is_kept)
{
	struct fixture f = fixture_open_packets();

	for (unsigned v4 = 0; v4 < 2; v4++) {
		for (unsigned options = 0; options <= SYN_OPTIONS; options += 4) {
			struct spec syn = syn_spec(v4, options);
			struct syn_copy expected = copy_of(&syn);
			struct wire w = wire_build(&syn), out;

			memset(&f.shim->bss->shim_packet.syn, 0xee, sizeof(expected));
			f.shim->bss->shim_packet.syn.kept = 0;
			f.shim->bss->shim_packet.syn.reserved = 0;
			cr_assert_eq(run_packet(f.shim->progs.shim_keep, &w, &out), SHIM_OK);
			assert_same(&out, &w, "syn");
			cr_assert(!memcmp(&f.shim->bss->shim_packet.syn, &expected, sizeof(expected)), "%u",
				  options);
		}
	}
	fixture_close(&f);
}

Test(forge, syn_with_data_is_not_kept)
{
	struct fixture f = fixture_open_packets();

	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct spec syn = syn_spec(v4, 20);
		struct wire w;

		syn.payload = 1;
		w = wire_build(&syn);
		cr_assert_eq(run_packet(f.shim->progs.shim_keep, &w, &w), SHIM_LEFT);
	}
	fixture_close(&f);
}

/* Is the SYN with these options kept? */
static bool is_kept(struct fixture *f, const uint8_t options[SYN_OPTIONS], unsigned size)
{
	struct spec syn = syn_spec(true, size);
	struct wire w;

	syn.option_bytes = options;
	w = wire_build(&syn);
	return run_packet(f->shim->progs.shim_keep, &w, &w) == SHIM_OK;
}

/* Fast open at every place where an option may stand. */
Test(forge, fast_open_is_not_kept)
{
	struct fixture f = fixture_open_packets();

	for (unsigned at = 0; at + 2 <= SYN_OPTIONS; at++) {
		for (unsigned size = (at + 2 + 3) / 4 * 4; size <= SYN_OPTIONS; size += 4) {
			uint8_t options[SYN_OPTIONS];

			memset(options, 1, sizeof(options));
			memcpy(options + at, "\x22\x02", 2);
			cr_assert(!is_kept(&f, options, size), "at %u of %u", at, size);
			if (at + 4 > size)
				continue;
			memcpy(options + at, "\xfe\x04\xf9\x89", 4);
			cr_assert(!is_kept(&f, options, size), "experiment at %u of %u", at, size);
			memcpy(options + at, "\xfe\x04\xf9\x88", 4);
			cr_assert(is_kept(&f, options, size), "another experiment at %u of %u", at, size);
			/* Inside of another option it means nothing, nor behind the last one. */
			memcpy(options + at, "\x45\x04\x22\x02", 4);
			cr_assert(is_kept(&f, options, size), "inside at %u of %u", at, size);
			memcpy(options + at, "\x00\x22\x02\x00", 4);
			cr_assert(is_kept(&f, options, size), "behind the end at %u of %u", at, size);
		}
	}
	fixture_close(&f);
}

/* Options that end behind the header or nowhere. */
Test(forge, malformed_options_end_the_search)
{
	static const uint8_t lengths[] = { 0, 1, 41, 250, 253, 254, 255 };
	struct fixture f = fixture_open_packets();

	for (unsigned at = 0; at < SYN_OPTIONS; at++) {
		for (size_t i = 0; i < sizeof(lengths); i++) {
			uint8_t options[SYN_OPTIONS];

			memset(options, 1, sizeof(options));
			options[at] = 69;
			if (at + 1 < SYN_OPTIONS)
				options[at + 1] = lengths[i];
			cr_assert(is_kept(&f, options, SYN_OPTIONS), "%u at %u", lengths[i], at);
		}
	}
	fixture_close(&f);
}

/* ---- a SYN of a refusal ---- */

/* What the SYN is to be from now on. */
static struct spec moved_syn(bool v4, unsigned options)
{
	struct spec syn = syn_spec(v4, options);

	syn.tuple.target = v4 ? "10.200.3.4" : "fd00:ff:1::7";
	syn.tuple.target_port = 9090;
	syn.tuple.source_port = 55555;
	syn.forged = true;
	syn.from_mac = wire_mac[1];
	syn.to_mac = gateway;
	return syn;
}

static void tell_syn(struct fixture *f, const struct spec *syn)
{
	struct shim_packet *s = &f->shim->bss->shim_packet;

	s->client = wire_addr(syn->tuple.source);
	s->address = wire_addr(syn->tuple.target);
	s->local_port = syn->tuple.source_port;
	s->remote_port = syn->tuple.target_port;
	s->syn = copy_of(syn);
	memcpy(s->mac, gateway, sizeof(gateway));
}

/* `refusal` becomes the moved SYN, whatever options that has. */
static void assert_becomes_syn(struct fixture *f, const struct spec *refusal)
{
	struct wire in = wire_build(refusal), out, expected;

	for (unsigned options = 0; options <= SYN_OPTIONS; options += 4) {
		struct spec syn = moved_syn(refusal->v4, options);

		expected = wire_build(&syn);
		tell_syn(f, &syn);
		cr_assert_eq(run_packet(f->shim->progs.shim_syn, &in, &out), SHIM_OK, "%s", refusal->name);
		assert_same(&out, &expected, refusal->name);
		if (expected.size == in.size)
			run_summed(f->shim->progs.shim_syn, &in, &out);
	}
}

static struct spec rst_spec(bool v4, unsigned options, unsigned payload)
{
	struct spec syn = syn_spec(v4, 0);

	return (struct spec){
		.name = "rst",
		.v4 = v4,
		.tuple = answers(&syn.tuple),
		.protocol = IPPROTO_TCP,
		.flags = WIRE_RST | WIRE_ACK,
		.acknowledged = syn.sequence + 1,
		.options = options,
		.payload = payload,
	};
}

Test(forge, syn_of_a_rst)
{
	static const unsigned texts[] = { 0, 1, 2, 11, 40, 600 };
	struct fixture f = fixture_open_packets();

	for (unsigned v4 = 0; v4 < 2; v4++) {
		for (unsigned options = 0; options <= SYN_OPTIONS; options += 4) {
			for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
				struct spec rst = rst_spec(v4, options, texts[i]);

				assert_becomes_syn(&f, &rst);
			}
		}
	}
	fixture_close(&f);
}

/* Short frames are filled up; what was filled in goes. */
Test(forge, syn_of_a_padded_rst)
{
	struct fixture f = fixture_open_packets();
	struct spec rst = rst_spec(true, 0, 0), syn = moved_syn(true, 20);
	struct wire in = wire_build(&rst), expected = wire_build(&syn);

	memset(in.bytes + in.size, 0xaa, 6);
	in.size += 6;
	tell_syn(&f, &syn);
	cr_assert_eq(run_packet(f.shim->progs.shim_syn, &in, &in), SHIM_OK);
	assert_same(&in, &expected, "padded");
	fixture_close(&f);
}

/* The checksum is to stand where it stood: no header may be between that is not between in a SYN. */
Test(forge, rst_with_other_headers_is_an_error)
{
	struct fixture f = fixture_open_packets();

	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct spec rst = rst_spec(v4, 0, 0), syn = moved_syn(v4, 20);
		struct wire in, out;

		rst.ip_options = v4 ? 8 : 0;
		rst.extensions = "d";
		in = wire_build(&rst);
		tell_syn(&f, &syn);
		cr_assert_lt(run_packet(f.shim->progs.shim_syn, &in, &out), 0);
		assert_same(&out, &in, "rst");
	}
	fixture_close(&f);
}

Test(forge, syn_of_an_icmp_error)
{
	struct fixture f = fixture_open_packets();

	for (unsigned v4 = 0; v4 < 2; v4++) {
		for (unsigned options = 0; options <= SYN_OPTIONS; options += 4) {
			struct spec syn = syn_spec(v4, options);
			unsigned least = (v4 ? 20 : 40) + 8;

			for (unsigned quote = least; quote <= least + 12 + options; quote++) {
				struct spec error = shape_error(&syn, v4 ? 3 : 1, v4 ? 1 : 3, quote);

				assert_becomes_syn(&f, &error);
			}
		}
	}
	fixture_close(&f);
}

Test(forge, syn_of_an_icmp_error_with_other_headers)
{
	struct fixture f = fixture_open_packets();

	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct spec syn = syn_spec(v4, 20), error = shape_error(&syn, v4 ? 3 : 1, v4 ? 1 : 3, 0);

		error.ip_options = v4 ? 40 : 0;
		error.extensions = "hd";
		assert_becomes_syn(&f, &error);
	}
	fixture_close(&f);
}

Test(forge, syn_of_the_other_family_is_an_error)
{
	struct fixture f = fixture_open_packets();

	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct spec rst = rst_spec(v4, 0, 0), syn = moved_syn(!v4, 20);
		struct wire in = wire_build(&rst), out;

		tell_syn(&f, &syn);
		cr_assert_lt(run_packet(f.shim->progs.shim_syn, &in, &out), 0);
		assert_same(&out, &in, "rst");
	}
	fixture_close(&f);
}

/* ---- a reset ---- */

/* A segment and what a host without its connection answers (RFC 9293, 3.10.7.1). */
static void assert_reset(struct fixture *f, const struct spec *segment)
{
	bool acknowledges = segment->flags & WIRE_ACK;
	unsigned taken = segment->payload + !!(segment->flags & WIRE_SYN) + !!(segment->flags & WIRE_FIN);
	struct spec reset = {
		.name = segment->name,
		.v4 = segment->v4,
		.tuple = answers(&segment->tuple),
		.protocol = IPPROTO_TCP,
		.flags = acknowledges ? WIRE_RST : WIRE_RST | WIRE_ACK,
		.sequence = acknowledges ? segment->acknowledged : 0,
		.acknowledged = acknowledges ? 0 : segment->sequence + taken,
		.ttl = 64,
		.forged = true,
		.from_mac = wire_mac[1],
		.to_mac = gateway,
	};
	struct wire in = wire_build(segment), expected = wire_build(&reset), out;

	memcpy(f->shim->bss->shim_packet.mac, gateway, sizeof(gateway));
	cr_assert_eq(run_packet(f->shim->progs.shim_reset, &in, &out), SHIM_OK, "%s", segment->name);
	assert_same(&out, &expected, segment->name);
	if (expected.size == in.size)
		run_summed(f->shim->progs.shim_reset, &in, &out);
}

Test(forge, reset_of_every_segment)
{
	static const struct {
		const char *name;
		uint8_t flags;
		unsigned payload;
	} cases[] = {
		{ "syn-ack", WIRE_SYN | WIRE_ACK, 0 },
		{ "syn", WIRE_SYN, 0 },
		{ "syn with data", WIRE_SYN, 7 },
		{ "ack", WIRE_ACK, 0 },
		{ "data", WIRE_ACK | WIRE_PSH, 1200 },
		{ "fin", WIRE_FIN | WIRE_ACK, 0 },
		{ "fin with data", WIRE_FIN | WIRE_ACK, 3 },
		{ "fin alone", WIRE_FIN, 3 },
		{ "no flags", 0, 11 },
	};
	struct fixture f = fixture_open_packets();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (unsigned variant = 0; variant < 2 * 11; variant++) {
			struct spec segment = {
				.name = cases[i].name,
				.v4 = variant % 2,
				.tuple = variant % 2 ? tuple_v4 : tuple_v6,
				.protocol = IPPROTO_TCP,
				.flags = cases[i].flags,
				.sequence = 0xfffffffe,
				.acknowledged = 0x1020304,
				.window = 999,
				.options = variant / 2 * 4,
				.payload = cases[i].payload,
			};

			assert_reset(&f, &segment);
		}
	}
	fixture_close(&f);
}

/* Two hosts would answer each other for ever. */
Test(forge, reset_is_not_answered)
{
	struct fixture f = fixture_open_packets();

	for (unsigned variant = 0; variant < 4; variant++) {
		struct spec rst = rst_spec(variant % 2, 0, 0);
		struct wire in, out;

		if (variant > 1)
			rst.flags = WIRE_RST;
		in = wire_build(&rst);
		cr_assert_lt(run_packet(f.shim->progs.shim_reset, &in, &out), 0);
		assert_same(&out, &in, "rst");
	}
	fixture_close(&f);
}
