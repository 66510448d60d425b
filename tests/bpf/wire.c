/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes of a packet, one header behind the other. */
#include "wire.h"

#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"

enum {
	LATER = 4, /* where a later fragment of IPv6 begins, in units of eight bytes */
};

const uint8_t wire_mac[2][WIRE_MAC] = { { 2, 0xee, 0, 0, 0, 1 }, { 2, 0xee, 0, 0, 0, 2 } };

struct addr wire_addr(const char *text)
{
	struct addr address;

	cr_assert(!addr_parse(text, &address), "%s", text);
	return address;
}

uint32_t wire_sum(const void *bytes, size_t size, uint32_t sum)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? b[i] : b[i] << 8;
	return sum;
}

uint16_t wire_fold(uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint16_t wire_checksum(const struct addr *source, const struct addr *target, uint8_t protocol,
		       const void *message, size_t size)
{
	unsigned skip = addr_is_v4(source) ? 12 : 0;
	uint32_t sum = (uint32_t)size + protocol;

	sum = wire_sum(source->bytes + skip, 16 - skip, sum);
	sum = wire_sum(target->bytes + skip, 16 - skip, sum);
	return wire_fold(wire_sum(message, size, sum));
}

void wire_put16(struct wire *w, unsigned at, uint16_t value)
{
	w->bytes[at] = (uint8_t)(value >> 8);
	w->bytes[at + 1] = (uint8_t)value;
}

void wire_put32(struct wire *w, unsigned at, uint32_t value)
{
	wire_put16(w, at, value >> 16);
	wire_put16(w, at + 2, (uint16_t)value);
}

void assert_same(const struct wire *got, const struct wire *expected, const char *name)
{
	cr_assert_eq(got->size, expected->size, "%s: %u bytes, not %u", name, got->size, expected->size);
	for (unsigned i = 0; i < got->size; i++)
		cr_assert_eq(got->bytes[i], expected->bytes[i], "%s: byte %u is %02x, not %02x", name, i,
			     got->bytes[i], expected->bytes[i]);
}

/* Bytes that are like no others nearby. */
static void put_filler(struct wire *w, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		w->bytes[w->size++] = (uint8_t)(i * 37 + 11);
}

static void put_tcp(struct wire *w, const struct spec *spec)
{
	unsigned at = w->size;

	wire_put16(w, at, spec->tuple.source_port);
	wire_put16(w, at + 2, spec->tuple.target_port);
	wire_put32(w, at + 4, spec->sequence);
	wire_put32(w, at + 8, spec->acknowledged);
	w->bytes[at + 12] = (uint8_t)((20 + spec->options) / 4 << 4) | spec->reserved;
	w->bytes[at + 13] = spec->flags;
	wire_put16(w, at + 14, spec->window);
	w->size += 20;
	if (spec->option_bytes) {
		memcpy(w->bytes + w->size, spec->option_bytes, spec->options);
		w->size += spec->options;
	} else {
		put_filler(w, spec->options);
	}
	put_filler(w, spec->payload);
}

static void put_udp(struct wire *w, const struct spec *spec)
{
	unsigned at = w->size;

	wire_put16(w, at, spec->tuple.source_port);
	wire_put16(w, at + 2, spec->tuple.target_port);
	wire_put16(w, at + 4, (uint16_t)(8 + spec->payload));
	w->size += 8;
	put_filler(w, spec->payload);
}

static void put_icmp(struct wire *w, const struct spec *spec)
{
	struct wire quoted;
	unsigned length;

	w->bytes[w->size] = spec->icmp_type;
	w->bytes[w->size + 1] = spec->icmp_code;
	w->size += 8;
	if (!spec->quoted) {
		put_filler(w, spec->payload);
		return;
	}
	quoted = wire_build(spec->quoted);
	length = spec->quote ?: quoted.size - quoted.l3;
	cr_assert_leq(quoted.l3 + length, quoted.size);
	memcpy(w->bytes + w->size, quoted.bytes + quoted.l3, length);
	w->size += length;
}

/* The message at the end of the packet, checksum included, and what a fragment leaves of it. */
static void put_message(struct wire *w, const struct spec *spec, unsigned fragment, bool more)
{
	struct addr source = wire_addr(spec->tuple.source), target = wire_addr(spec->tuple.target);
	unsigned at = w->size, field = 0, skip = fragment * 8;
	uint16_t checksum;

	if (spec->protocol == IPPROTO_TCP) {
		put_tcp(w, spec);
		field = 16;
	} else if (spec->protocol == IPPROTO_UDP) {
		put_udp(w, spec);
		field = 6;
	} else if (spec->protocol == IPPROTO_ICMP || spec->protocol == IPPROTO_ICMPV6) {
		put_icmp(w, spec);
		field = 2;
	} else {
		put_filler(w, 24 + spec->payload);
	}
	checksum = spec->protocol == IPPROTO_ICMP
			   ? wire_fold(wire_sum(w->bytes + at, w->size - at, 0))
			   : wire_checksum(&source, &target, spec->protocol, w->bytes + at, w->size - at);
	if (spec->protocol == IPPROTO_UDP && !checksum)
		checksum = 0xffff;
	if (field && !spec->bare)
		wire_put16(w, at + field, checksum);
	if (more)
		w->size -= (w->size - at) % 8 ?: 8;
	cr_assert_leq(at + skip, w->size);
	memmove(w->bytes + at, w->bytes + at + skip, w->size - at - skip);
	w->size -= skip;
}

static void put_v4(struct wire *w, const struct spec *spec)
{
	struct addr source = wire_addr(spec->tuple.source), target = wire_addr(spec->tuple.target);
	unsigned at = w->size, length = 20 + spec->ip_options;

	w->bytes[at] = (uint8_t)(0x40 | length / 4);
	w->bytes[at + 1] = spec->traffic_class;
	wire_put16(w, at + 4, spec->forged ? 0 : 0x1234);
	wire_put16(w, at + 6,
		   (spec->forged ? 0x4000 : 0) | (spec->more ? 0x2000 : 0) | (uint16_t)spec->fragment);
	w->bytes[at + 8] = spec->ttl ?: 61;
	w->bytes[at + 9] = spec->protocol;
	memcpy(w->bytes + at + 12, source.bytes + 12, 4);
	memcpy(w->bytes + at + 16, target.bytes + 12, 4);
	memset(w->bytes + at + 20, 1, spec->ip_options); /* options that do nothing */
	w->size += length;
	w->l4 = w->size;
	put_message(w, spec, spec->fragment, spec->more);
	wire_put16(w, at + 2, (uint16_t)(w->size - at));
	wire_put16(w, at + 10, wire_fold(wire_sum(w->bytes + at, length, 0)));
}

/* One extension header; its number goes where the one before it says what follows. */
static void put_extension(struct wire *w, char letter, unsigned *next_at)
{
	static const struct {
		char letter;
		uint8_t number;
		unsigned length;
	} kinds[] = {
		{ 'h', 0, 8 },	{ 'H', 0, 48 }, { 'd', 60, 16 }, { 'r', 43, 24 }, { 'R', 43, 24 },
		{ 'a', 44, 8 }, { 'f', 44, 8 }, { 'l', 44, 8 },	 { 'A', 51, 24 },
	};
	unsigned at = w->size, i = 0;

	while (kinds[i].letter != letter)
		cr_assert_lt(++i, sizeof(kinds) / sizeof(*kinds));
	w->bytes[*next_at] = kinds[i].number;
	put_filler(w, kinds[i].length);
	/* The authentication header counts words of four bytes. */
	w->bytes[at + 1] = (uint8_t)(letter == 'A' ? kinds[i].length / 4 - 2 : kinds[i].length / 8 - 1);
	if (kinds[i].number == 43)
		w->bytes[at + 3] = letter == 'R';
	if (kinds[i].number == 44)
		wire_put16(w, at + 2, (letter == 'l' ? LATER << 3 : 0) | (letter == 'f' ? 1 : 0));
	*next_at = at;
}

static void put_v6(struct wire *w, const struct spec *spec)
{
	struct addr source = wire_addr(spec->tuple.source), target = wire_addr(spec->tuple.target);
	const char *extensions = spec->extensions ?: "";
	unsigned at = w->size, next_at = at + 6;

	wire_put32(w, at, 0x60000000 | spec->traffic_class << 20 | (spec->forged ? 0 : 0xabcde));
	w->bytes[at + 7] = spec->ttl ?: 61;
	memcpy(w->bytes + at + 8, source.bytes, 16);
	memcpy(w->bytes + at + 24, target.bytes, 16);
	w->size += 40;
	for (const char *e = extensions; *e; e++)
		put_extension(w, *e, &next_at);
	w->bytes[next_at] = spec->protocol;
	w->l4 = w->size;
	put_message(w, spec, strchr(extensions, 'l') ? LATER : 0, strchr(extensions, 'f'));
	wire_put16(w, at + 4, (uint16_t)(w->size - at - 40));
}

struct wire wire_build(const struct spec *spec)
{
	struct wire w = { .size = WIRE_ETHERNET, .l3 = WIRE_ETHERNET };

	memcpy(w.bytes, spec->to_mac ?: wire_mac[1], WIRE_MAC);
	memcpy(w.bytes + WIRE_MAC, spec->from_mac ?: wire_mac[0], WIRE_MAC);
	wire_put16(&w, 12, spec->v4 ? 0x0800 : 0x86dd);
	if (spec->v4)
		put_v4(&w, spec);
	else
		put_v6(&w, spec);
	return w;
}
