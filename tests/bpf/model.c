/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model.h"

#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"

static unsigned get16(const struct wire *w, unsigned at)
{
	return w->bytes[at] << 8 | w->bytes[at + 1];
}

/* What stands at `seen->l4`, if all that must be there is. */
static void see_message(const struct wire *w, bool quoted, struct seen *seen)
{
	unsigned there = seen->end - seen->l4;
	const uint8_t *message = w->bytes + seen->l4;

	if (seen->end < seen->l4 || there < 8)
		return;
	if (seen->protocol == (seen->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		seen->kind = KIND_ICMP;
		seen->icmp_type = message[0];
		seen->icmp_code = message[1];
		return;
	}
	if (seen->protocol == IPPROTO_TCP && !quoted) {
		if (there < 20 || message[12] >> 4 < 5 || there < (unsigned)(message[12] >> 4) * 4)
			return;
		seen->flags = message[13];
	}
	if (seen->protocol != IPPROTO_TCP && seen->protocol != IPPROTO_UDP)
		return;
	seen->kind = seen->protocol == IPPROTO_TCP ? KIND_TCP : KIND_UDP;
	seen->source_port = (uint16_t)get16(w, seen->l4);
	seen->target_port = (uint16_t)get16(w, seen->l4 + 2);
}

static void see_v4(const struct wire *w, bool quoted, struct seen *seen)
{
	const uint8_t *ip = w->bytes + seen->l3;
	unsigned length, header;

	if (seen->end < seen->l3 + 20)
		return;
	length = get16(w, seen->l3 + 2);
	header = (ip[0] & 15) * 4;
	if (ip[0] >> 4 != 4 || header < 20 || length < header)
		return;
	if (seen->l3 + length > seen->end && !quoted)
		return;
	if (seen->l3 + length < seen->end)
		seen->end = seen->l3 + length;
	memcpy(seen->source.bytes + 10, "\xff\xff", 2);
	memcpy(seen->target.bytes + 10, "\xff\xff", 2);
	memcpy(seen->source.bytes + 12, ip + 12, 4);
	memcpy(seen->target.bytes + 12, ip + 16, 4);
	seen->v4 = true;
	seen->protocol = ip[9];
	seen->cut = get16(w, seen->l3 + 6) & 0x3fff;
	seen->datagram = get16(w, seen->l3 + 4);
	seen->l4 = seen->l3 + header;
	if (!(get16(w, seen->l3 + 6) & 0x1fff))
		see_message(w, quoted, seen);
	else if (seen->l4 <= seen->end)
		seen->kind = KIND_FRAGMENT;
}

/* Six extension headers are walked, whole ones; behind a later fragment's there are only bytes. */
static void see_extensions(const struct wire *w, bool quoted, struct seen *seen)
{
	for (unsigned i = 0; i < 6; i++) {
		const uint8_t *header = w->bytes + seen->l4;
		uint8_t kind = seen->protocol;

		if (kind != 0 && kind != 43 && kind != 44 && kind != 60)
			break;
		if (seen->l4 + 8 > w->size || (kind == 43 && header[3]))
			return;
		if (kind == 44) {
			seen->cut = true;
			memcpy(&seen->datagram, header + 4, 4);
		}
		seen->protocol = header[0];
		seen->l4 += kind == 44 ? 8 : (header[1] + 1) * 8;
		if (kind == 44 && (header[2] << 8 | header[3]) & 0xfff8) {
			if (seen->l4 <= seen->end)
				seen->kind = KIND_FRAGMENT;
			return;
		}
	}
	see_message(w, quoted, seen);
}

static void see_v6(const struct wire *w, bool quoted, struct seen *seen)
{
	const uint8_t *ip = w->bytes + seen->l3;
	unsigned length;

	if (seen->end < seen->l3 + 40)
		return;
	length = 40 + get16(w, seen->l3 + 4);
	if (ip[0] >> 4 != 6)
		return;
	if (seen->l3 + length > seen->end && !quoted)
		return;
	if (seen->l3 + length < seen->end)
		seen->end = seen->l3 + length;
	memcpy(seen->source.bytes, ip + 8, 16);
	memcpy(seen->target.bytes, ip + 24, 16);
	seen->protocol = ip[6];
	seen->l4 = seen->l3 + 40;
	see_extensions(w, quoted, seen);
}

struct seen model_parse(const struct wire *w)
{
	struct seen seen = { .l3 = WIRE_ETHERNET, .end = w->size };

	if (get16(w, 12) == 0x0800)
		see_v4(w, false, &seen);
	else if (get16(w, 12) == 0x86dd)
		see_v6(w, false, &seen);
	return seen;
}

struct seen model_quoted(const struct wire *w, const struct seen *error)
{
	struct seen seen = { .l3 = error->l4 + 8, .end = error->end };
	uint8_t type = error->icmp_type;

	if (error->v4 && (type == 3 || type == 11 || type == 12))
		see_v4(w, true, &seen);
	else if (!error->v4 && type >= 1 && type <= 4)
		see_v6(w, true, &seen);
	if (seen.kind != KIND_TCP && seen.kind != KIND_UDP)
		seen.kind = KIND_OTHER;
	return seen;
}

/* ---- translation ---- */

/* A checksum after a word that it covers has changed (RFC 1624). */
static void adjust(struct wire *w, unsigned at, unsigned from, unsigned to)
{
	uint32_t sum = (uint16_t)~get16(w, at) + (uint16_t)~from + to;

	wire_put16(w, at, wire_fold(sum));
}

static unsigned checksum_at(const struct seen *seen)
{
	unsigned at = seen->l4 + (seen->protocol == IPPROTO_TCP ? 16 : 6);

	if ((seen->kind != KIND_TCP && seen->kind != KIND_UDP) || at + 2 > seen->end)
		return 0;
	return at;
}

/* The checksums around a word; zero: there is none. */
struct sums {
	unsigned message;
	unsigned header; /* of IPv4; covers addresses only */
	unsigned outer;	 /* of the error around, which covers the others, too */
};

static void put_word(struct wire *w, unsigned at, unsigned to, const struct sums *sums)
{
	const unsigned inner[] = { sums->message, sums->header };
	unsigned from = get16(w, at);

	wire_put16(w, at, (uint16_t)to);
	if (sums->outer)
		adjust(w, sums->outer, from, to);
	for (unsigned i = 0; i < 2; i++) {
		unsigned before = get16(w, inner[i]);

		if (!inner[i])
			continue;
		adjust(w, inner[i], from, to);
		if (sums->outer)
			adjust(w, sums->outer, before, get16(w, inner[i]));
	}
}

static void put_end(struct wire *w, const struct seen *seen, bool target, const struct addr *address,
		    uint16_t port, uint16_t peer_port, unsigned outer)
{
	unsigned size = seen->v4 ? 4 : 16;
	unsigned at = seen->l3 + (seen->v4 ? 12 : 8) + (target ? size : 0);
	struct sums sums = { checksum_at(seen), seen->v4 ? seen->l3 + 10 : 0, outer };

	if (sums.message && seen->protocol == IPPROTO_UDP && !get16(w, sums.message))
		sums.message = 0;
	for (unsigned i = 0; i < size; i += 2) {
		const uint8_t *word = address->bytes + 16 - size + i;

		put_word(w, at + i, word[0] << 8 | word[1], &sums);
	}
	if (seen->kind == KIND_FRAGMENT)
		return;
	sums.header = 0;
	put_word(w, seen->l4 + (target ? 2 : 0), port, &sums);
	put_word(w, seen->l4 + (target ? 0 : 2), peer_port, &sums);
}

void model_translate(struct wire *w, const struct seen *seen, bool target, const struct addr *address,
		     uint16_t port, uint16_t peer_port)
{
	put_end(w, seen, target, address, port, peer_port, 0);
}

void model_translate_quoted(struct wire *w, const struct seen *error, const struct seen *quoted,
			    const struct addr *address, uint16_t port, uint16_t peer_port)
{
	put_end(w, quoted, true, address, port, peer_port, error->l4 + 2);
}

static bool is_checksum(const struct seen *seen, unsigned at)
{
	if (seen->kind == KIND_OTHER)
		return false;
	return (seen->v4 && at == seen->l3 + 10) || at == checksum_at(seen) ||
	       (seen->kind == KIND_ICMP && at == seen->l4 + 2);
}

static bool is_zero(unsigned word)
{
	return word == 0 || word == 0xffff;
}

bool model_equal(const struct wire *got, const struct wire *expected, const struct seen *seen,
		 const struct seen *quoted)
{
	if (got->size != expected->size)
		return false;
	for (unsigned i = 0; i < got->size; i++) {
		if (got->bytes[i] == expected->bytes[i])
			continue;
		if (!is_checksum(seen, i) && !(quoted && is_checksum(quoted, i)))
			return false;
		if (!is_zero(get16(got, i)) || !is_zero(get16(expected, i)))
			return false;
		i++;
	}
	return true;
}
