/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Verdicts of weft's own programs at tc. What they do by the socket behind a packet is for the live tests. */
#include <netinet/in.h>
#include <string.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "fixture.h"
#include "shapes.h"

enum {
	INTERFACE = 1, /* where the kernel's test has packets come in */
	GUARDED = INTERFACE_GUARDED_V4 | INTERFACE_GUARDED_V6,

	TC_NEXT = -1,
	TC_DROP = 2,
	TC_REDIRECT = 7,
};

static const uint8_t gateway[WIRE_MAC] = { 2, 0xbb, 0, 0, 0, 9 };

static void put_row(struct bpf_map *map, const void *key, const void *row)
{
	cr_assert(!bpf_map_update_elem(bpf_map__fd(map), key, row, BPF_ANY), "%s", bpf_map__name(map));
}

static void put_interface(struct fixture *f, uint32_t flags)
{
	struct interface_row row = { .netns = -1, .flags = flags };
	uint32_t key = INTERFACE;

	memcpy(row.gateway, gateway, sizeof(gateway));
	put_row(f->shim->maps.interfaces, &key, &row);
}

static void put_source(struct fixture *f, const char *address, uint32_t interface)
{
	struct source_key key = { .address = wire_addr(address), .interface = interface };
	uint32_t one = 1;

	put_row(f->shim->maps.sources, &key, &one);
}

/* ---- anti-spoofing ---- */

struct sender {
	const char *name, *source;
	bool allowed;
	const char *extensions;
	unsigned fragment;
};

static const struct sender senders[] = {
	{ "own", "10.1.0.5", true, NULL, 0 },
	{ "another pod's", "10.1.0.6", false, NULL, 0 },
	{ "of another interface", "10.1.0.7", false, NULL, 0 },
	{ "none yet", "0.0.0.0", true, NULL, 0 },
	{ "loopback", "127.0.0.1", false, NULL, 0 },
	{ "another pod's, later fragment", "10.1.0.6", false, NULL, 3 },
	{ "own v6", "fd00:1::5", true, NULL, 0 },
	{ "another pod's v6", "fd00:1::6", false, NULL, 0 },
	{ "link-local", "fe80::5", true, NULL, 0 },
	{ "end of link-local", "febf::5", true, NULL, 0 },
	{ "behind link-local", "fec0::5", false, NULL, 0 },
	{ "none yet v6", "::", true, NULL, 0 },
	{ "mapped v4 in v6", "fd00:1::ffff:a01:5", false, NULL, 0 },
	{ "another pod's v6, chain", "fd00:1::6", false, "hdr", 0 },
	{ "another pod's v6, later fragment", "fd00:1::6", false, "l", 0 },
	{ "another pod's v6, chain too long", "fd00:1::6", false, "hdddddd", 0 },
};

static struct wire sent_by(const struct sender *sender)
{
	bool v4 = !strchr(sender->source, ':');
	struct spec spec = {
		.v4 = v4,
		.tuple = { sender->source, v4 ? "10.9.9.9" : "fd00:9::9", 1234, 80 },
		.protocol = IPPROTO_UDP,
		.payload = 64,
		.extensions = sender->extensions,
		.fragment = sender->fragment,
	};

	return wire_build(&spec);
}

static void assert_senders(struct fixture *f, uint32_t flags)
{
	static struct wire out;

	put_interface(f, flags);
	for (size_t i = 0; i < sizeof(senders) / sizeof(*senders); i++) {
		bool v4 = !strchr(senders[i].source, ':');
		bool guarded = flags & (v4 ? INTERFACE_GUARDED_V4 : INTERFACE_GUARDED_V6);
		struct wire w = sent_by(&senders[i]);

		cr_assert_eq(run_packet(f->shim->progs.weft_from_pod, &w, &out),
			     senders[i].allowed || !guarded ? TC_NEXT : TC_DROP, "%s, flags %u",
			     senders[i].name, flags);
		assert_same(&out, &w, senders[i].name);
		cr_assert_eq(run_packet(f->shim->progs.weft_to_pod, &w, &out), TC_NEXT);
	}
}

Test(tc, pod_sends_from_its_own_addresses)
{
	struct fixture f = fixture_open_tc();
	unsigned spoofed = 0;

	put_source(&f, "10.1.0.5", INTERFACE);
	put_source(&f, "fd00:1::5", INTERFACE);
	put_source(&f, "10.1.0.7", INTERFACE + 1);
	assert_senders(&f, 0);
	cr_assert_eq(counted(&f, REASON_SPOOFED), 0);
	assert_senders(&f, INTERFACE_GUARDED_V4);
	assert_senders(&f, INTERFACE_GUARDED_V6);
	assert_senders(&f, GUARDED);
	for (size_t i = 0; i < sizeof(senders) / sizeof(*senders); i++)
		spoofed += !senders[i].allowed;
	cr_assert_eq(counted(&f, REASON_SPOOFED), 2 * spoofed);
	fixture_close(&f);
}

/* From 10.1.0.<sender>, for 10.1.0.9. */
static struct wire arp_question(unsigned sender)
{
	struct wire w = { .size = 42 };

	memset(w.bytes, 0xff, WIRE_MAC);
	memcpy(w.bytes + WIRE_MAC, wire_mac[1], WIRE_MAC);
	wire_put16(&w, 12, 0x0806);
	wire_put32(&w, 14, 0x00010800);
	wire_put32(&w, 18, 0x06040001);
	memcpy(w.bytes + 22, wire_mac[1], WIRE_MAC);
	wire_put32(&w, 28, 0x0a010000 | sender);
	wire_put32(&w, 38, 0x0a010009);
	return w;
}

Test(tc, pod_asks_from_its_own_addresses)
{
	struct fixture f = fixture_open_tc();
	struct wire own = arp_question(5), other = arp_question(6), none = arp_question(0);

	none.bytes[28] = none.bytes[29] = 0;
	put_source(&f, "10.1.0.5", INTERFACE);
	put_interface(&f, GUARDED);
	cr_assert_eq(run_packet(f.shim->progs.weft_from_pod, &own, &own), TC_NEXT);
	cr_assert_eq(run_packet(f.shim->progs.weft_from_pod, &none, &none), TC_NEXT);
	cr_assert_eq(run_packet(f.shim->progs.weft_from_pod, &other, &other), TC_DROP);
	fixture_close(&f);
}

/* ---- questions for neighbours ---- */

static int ask(struct fixture *f, uint64_t noticed_ns, struct wire *ret)
{
	struct unresolved_row row = { .noticed_ns = noticed_ns };
	struct addr about = wire_addr("10.1.0.9");
	struct wire w = arp_question(5);

	put_row(f->shim->maps.unresolved, &about, &row);
	return run_packet(f->shim->progs.weft_from_pod, &w, ret);
}

Test(tc, question_is_answered_while_a_connect_waits)
{
	const uint64_t s = 1000000000ull;
	struct fixture f = fixture_open_tc();
	struct wire question = arp_question(5), out;

	put_interface(&f, 0);
	cr_assert_eq(run_packet(f.shim->progs.weft_from_pod, &question, &out), TC_NEXT);
	cr_assert_eq(ask(&f, now_ns() - 4 * s, &out), TC_NEXT);
	assert_same(&out, &question, "stale");
	cr_assert_eq(ask(&f, now_ns(), &out), TC_REDIRECT);
	cr_assert_eq(out.bytes[21], 2, "no reply");
	cr_assert(!memcmp(out.bytes, wire_mac[1], WIRE_MAC) && !memcmp(out.bytes + 22, gateway, WIRE_MAC));
	cr_assert_eq(counted(&f, REASON_NEIGHBOUR_ANSWERED), 1);
	fixture_close(&f);
}

/* ---- moved connections ---- */

static void put_move(struct fixture *f, bool v4, uint8_t protocol, uint32_t flags)
{
	struct tuple tuple = v4 ? tuple_v4 : tuple_v6;
	struct move_key key = {
		.remote = wire_addr(tuple.source),
		.local = wire_addr(tuple.target),
		.interface = INTERFACE,
		.remote_port = tuple.source_port,
		.local_port = tuple.target_port,
		.protocol = protocol,
	};
	struct move_row row = {
		.remote = wire_addr(v4 ? "10.200.3.4" : "fd00:ff:1::7"),
		.remote_port = 9090,
		.local_port = 55555,
		.flags = flags,
	};
	struct rescues_row switched = { .moves = 1 };
	uint32_t zero = 0;

	put_row(f->shim->maps.moves, &key, &row);
	put_row(f->shim->maps.rescues, &zero, &switched);
}

Test(tc, moved_connection_comes_back_as_the_pod_knows_it)
{
	struct fixture f = fixture_open_tc();

	for (unsigned i = 0; i < 4; i++)
		put_move(&f, i % 2, i / 2 ? IPPROTO_UDP : IPPROTO_TCP, 0);
	for (unsigned i = 0; i < n_shapes; i++) {
		struct spec spec = shapes[i].spec;
		struct wire in = wire_build(&spec), expected, out;

		/* A later fragment of UDP goes with the first, which came before it. */
		if (shapes[i].kind == KIND_TCP || shapes[i].kind == KIND_UDP ||
		    (shapes[i].kind == KIND_FRAGMENT && spec.protocol == IPPROTO_UDP)) {
			spec.tuple.source = spec.v4 ? "10.200.3.4" : "fd00:ff:1::7";
			spec.tuple.source_port = 9090;
			spec.tuple.target_port = 55555;
		}
		expected = wire_build(&spec);
		cr_assert_eq(run_packet(f.shim->progs.weft_to_pod, &in, &out), TC_NEXT, "%s", spec.name);
		assert_same(&out, &expected, spec.name);
	}
	fixture_close(&f);
}

/* What an endpoint that was given up says is not for the pod; a SYN-ACK gets a reset, by way of the gateway. */
Test(tc, late_answers_are_reset_or_dropped)
{
	static const struct {
		uint8_t flags;
		int verdict;
	} cases[] = {
		{ WIRE_SYN | WIRE_ACK, TC_REDIRECT },
		{ WIRE_ACK, TC_DROP },
		{ WIRE_ACK | WIRE_PSH, TC_DROP },
		{ WIRE_FIN | WIRE_ACK, TC_DROP },
		{ WIRE_RST | WIRE_ACK, TC_DROP },
		{ WIRE_RST, TC_DROP },
		{ WIRE_SYN, TC_DROP },
		{ WIRE_SYN | WIRE_ACK | WIRE_RST, TC_DROP },
	};
	struct fixture f = fixture_open_tc();
	struct wire in, out;

	put_interface(&f, 0);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		put_move(&f, v4, IPPROTO_TCP, MOVE_GIVEN_UP);
		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			struct spec spec = {
				.v4 = v4,
				.tuple = v4 ? tuple_v4 : tuple_v6,
				.protocol = IPPROTO_TCP,
				.flags = cases[i].flags,
				.acknowledged = 4711,
			};
			struct spec reset = {
				.v4 = v4,
				.tuple = { spec.tuple.target, spec.tuple.source, spec.tuple.target_port,
					   spec.tuple.source_port },
				.protocol = IPPROTO_TCP,
				.flags = WIRE_RST,
				.sequence = 4711,
				.ttl = 64,
				.forged = true,
				.from_mac = wire_mac[1],
				.to_mac = gateway,
			};
			struct wire expected = wire_build(&reset);

			in = wire_build(&spec);
			cr_assert_eq(run_packet(f.shim->progs.weft_to_pod, &in, &out), cases[i].verdict,
				     "flags %02x", cases[i].flags);
			if (cases[i].verdict == TC_REDIRECT)
				assert_same(&out, &expected, "reset");
		}
	}
	cr_assert_eq(counted(&f, REASON_RESCUE_LATE), 2);
	fixture_close(&f);
}
