/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses as text. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

int addr_parse(const char *text, struct addr *ret)
{
	struct addr address;

	if (inet_pton(AF_INET6, text, address.bytes) != 1) {
		memcpy(address.bytes, v4_prefix, sizeof(v4_prefix));
		if (inet_pton(AF_INET, text, address.bytes + sizeof(v4_prefix)) != 1)
			return -EINVAL;
	}
	*ret = address;
	return 0;
}

const char *addr_print(const struct addr *address, char text[ADDR_TEXT])
{
	if (addr_is_v4(address))
		inet_ntop(AF_INET, address->bytes + sizeof(v4_prefix), text, ADDR_TEXT);
	else
		inet_ntop(AF_INET6, address->bytes, text, ADDR_TEXT);
	return text;
}

const char *addr_print_port(const struct addr *address, uint16_t port, char text[ADDR_PORT_TEXT])
{
	char alone[ADDR_TEXT];

	addr_print(address, alone);
	snprintf(text, ADDR_PORT_TEXT, addr_is_v4(address) ? "%s:%u" : "[%s]:%u", alone, port);
	return text;
}

bool addr_is_v4(const struct addr *address)
{
	return !memcmp(address->bytes, v4_prefix, sizeof(v4_prefix));
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

const char *protocol_name(unsigned protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	default:
		return NULL;
	}
}
