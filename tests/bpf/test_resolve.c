/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Questions for a neighbour's hardware address, and the answers that are made of them. */
#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"

enum {
	SOLICITATION = 135,
	ADVERTISEMENT = 136,
	MESSAGE = 24, /* bytes of either, without options */
	OPTION = 8,
};

static const uint8_t answer_mac[WIRE_MAC] = { 2, 0xbb, 0, 0, 0, 9 };
static const uint8_t broadcast[WIRE_MAC] = { 255, 255, 255, 255, 255, 255 };

static void put_ethernet(struct wire *w, const uint8_t *to, const uint8_t *from, unsigned type)
{
	memset(w, 0, sizeof(*w));
	memcpy(w->bytes, to, WIRE_MAC);
	memcpy(w->bytes + WIRE_MAC, from, WIRE_MAC);
	wire_put16(w, 12, (uint16_t)type);
	w->size = w->l3 = WIRE_ETHERNET;
}

static struct wire arp(const uint8_t *to, unsigned operation, const uint8_t *sender_mac, const char *sender,
		       const uint8_t *target_mac, const char *target)
{
	struct addr from = wire_addr(sender), about = wire_addr(target);
	struct wire w;

	put_ethernet(&w, to, sender_mac, 0x0806);
	wire_put16(&w, 14, 1);
	wire_put16(&w, 16, 0x0800);
	wire_put16(&w, 18, 0x0604);
	wire_put16(&w, 20, (uint16_t)operation);
	memcpy(w.bytes + 22, sender_mac, WIRE_MAC);
	memcpy(w.bytes + 28, from.bytes + 12, 4);
	if (target_mac)
		memcpy(w.bytes + 32, target_mac, WIRE_MAC);
	memcpy(w.bytes + 38, about.bytes + 12, 4);
	w.size = 42;
	return w;
}

static void put_checksum(struct wire *w)
{
	struct addr source, target;

	memcpy(&source, w->bytes + 22, sizeof(source));
	memcpy(&target, w->bytes + 38, sizeof(target));
	wire_put16(w, 56, 0);
	wire_put16(w, 56, wire_checksum(&source, &target, IPPROTO_ICMPV6, w->bytes + 54, w->size - 54));
}

/* `option`: its type; zero: there is none. */
static struct wire discovery(const uint8_t *to, const uint8_t *from, unsigned type, const char *source,
			     const char *target, const char *about, unsigned flags, unsigned option)
{
	struct addr addresses[] = { wire_addr(source), wire_addr(target), wire_addr(about) };
	unsigned length = MESSAGE + (option ? OPTION : 0);
	struct wire w;

	put_ethernet(&w, to, from, 0x86dd);
	w.bytes[14] = 0x60;
	wire_put16(&w, 18, (uint16_t)length);
	w.bytes[20] = IPPROTO_ICMPV6;
	w.bytes[21] = 255;
	memcpy(w.bytes + 22, addresses, 32);
	w.bytes[54] = (uint8_t)type;
	w.bytes[58] = (uint8_t)flags;
	memcpy(w.bytes + 62, &addresses[2], 16);
	w.size = 54 + length;
	if (option) {
		w.bytes[78] = (uint8_t)option;
		w.bytes[79] = 1;
		memcpy(w.bytes + 80, from, WIRE_MAC);
	}
	put_checksum(&w);
	return w;
}

static struct wire solicitation(unsigned option)
{
	return discovery((const uint8_t *)"\x33\x33\xff\0\0\x09", wire_mac[1], SOLICITATION, "fd00:1::5",
			 "ff02::1:ff00:9", "fd00:1::9", 0, option);
}

static void assert_left(struct bpf_program *program, const struct wire *in, const char *name)
{
	struct wire out;

	cr_assert_eq(run_packet(program, in, &out), SHIM_LEFT, "%s", name);
	assert_same(&out, in, name);
}

Test(resolve, arp_is_answered)
{
	struct fixture f = fixture_open_packets();
	struct wire in = arp(broadcast, 1, wire_mac[1], "10.1.0.5", NULL, "10.1.0.9");
	struct wire expected = arp(wire_mac[1], 2, answer_mac, "10.1.0.9", wire_mac[1], "10.1.0.5"), out;
	struct addr about = wire_addr("10.1.0.9");

	memcpy(f.shim->bss->shim_packet.mac, answer_mac, WIRE_MAC);
	cr_assert_eq(run_packet(f.shim->progs.shim_arp, &in, &out), SHIM_OK);
	assert_same(&out, &expected, "arp");
	cr_assert(!memcmp(&f.shim->bss->shim_packet.packet.target, &about, sizeof(about)));
	/* One that is filled up to the least size of Ethernet stays so. */
	in.size += 18;
	expected.size += 18;
	cr_assert_eq(run_packet(f.shim->progs.shim_arp, &in, &out), SHIM_OK);
	assert_same(&out, &expected, "padded arp");
	fixture_close(&f);
}

Test(resolve, other_arp_is_left_alone)
{
	struct fixture f = fixture_open_packets();
	struct wire question = arp(broadcast, 1, wire_mac[1], "10.1.0.5", NULL, "10.1.0.9"), in;
	struct bpf_program *program = f.shim->progs.shim_arp;

	in = arp(wire_mac[0], 2, wire_mac[1], "10.1.0.5", wire_mac[0], "10.1.0.9");
	assert_left(program, &in, "reply");
	in = arp(broadcast, 1, wire_mac[1], "0.0.0.0", NULL, "10.1.0.9");
	assert_left(program, &in, "probe");
	in = arp(broadcast, 1, wire_mac[1], "10.1.0.9", NULL, "10.1.0.9");
	assert_left(program, &in, "announcement");
	/* Other hardware, other protocols and other sizes. */
	for (unsigned at = 14; at < 20; at++) {
		in = question;
		in.bytes[at] ^= 1;
		assert_left(program, &in, "another kind");
	}
	for (in = question, in.size--; in.size > WIRE_ETHERNET; in.size--)
		assert_left(program, &in, "truncated");
	fixture_close(&f);
}

Test(resolve, solicitation_is_answered)
{
	struct fixture f = fixture_open_packets();
	struct wire expected = discovery(wire_mac[1], answer_mac, ADVERTISEMENT, "fd00:1::9", "fd00:1::5",
					 "fd00:1::9", 0x60, 2);
	struct addr about = wire_addr("fd00:1::9");

	memcpy(f.shim->bss->shim_packet.mac, answer_mac, WIRE_MAC);
	for (unsigned option = 0; option < 2; option++) {
		struct wire in = solicitation(option), out;

		cr_assert_eq(run_packet(f.shim->progs.shim_discovery, &in, &out), SHIM_OK);
		assert_same(&out, &expected, "advertisement");
		cr_assert(!memcmp(&f.shim->bss->shim_packet.packet.target, &about, sizeof(about)));
	}
	fixture_close(&f);
}

Test(resolve, other_discovery_is_left_alone)
{
	struct fixture f = fixture_open_packets();
	struct bpf_program *program = f.shim->progs.shim_discovery;
	struct wire in;

	in = discovery(broadcast, wire_mac[1], SOLICITATION, "::", "ff02::1:ff00:9", "fd00:1::9", 0, 0);
	assert_left(program, &in, "looks for duplicates");
	in = discovery(broadcast, wire_mac[1], ADVERTISEMENT, "fd00:1::5", "fd00:1::9", "fd00:1::9", 0, 1);
	assert_left(program, &in, "advertisement");
	in = discovery(broadcast, wire_mac[1], 133, "fd00:1::5", "ff02::2", "fd00:1::9", 0, 1);
	assert_left(program, &in, "looks for routers");
	in = solicitation(1);
	in.bytes[21] = 254;
	assert_left(program, &in, "passed a router");
	in = solicitation(1);
	in.bytes[55] = 1;
	assert_left(program, &in, "another code");
	in = solicitation(0);
	wire_put16(&in, 18, MESSAGE - 1);
	assert_left(program, &in, "too short");
	for (in = solicitation(0), in.size--; in.size >= 54; in.size--)
		assert_left(program, &in, "truncated");
	fixture_close(&f);
}
