/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses as text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "weft/abi.h"

enum {
	ADDR_TEXT = 46, /* longest text of an address, with the closing NUL */
	ADDR_PORT_TEXT = ADDR_TEXT + 8,
};

/* Reads "10.0.0.1" or "fd00::1". Octets with leading zeros are refused, as their meaning differs between
 * programs (CVE-2021-29923). Returns 0 or -EINVAL; *ret is untouched on failure. */
int addr_parse(const char *text, struct addr *ret);

/* Writes the address, a v4-mapped one as IPv4; returns `text`. */
const char *addr_print(const struct addr *address, char text[ADDR_TEXT]);

/* Writes "10.0.0.1:80" or "[fd00::1]:80"; returns `text`. */
const char *addr_print_port(const struct addr *address, uint16_t port, char text[ADDR_PORT_TEXT]);

bool addr_is_v4(const struct addr *address);

/* As memcmp(); IPv4 sorts by value. */
int addr_compare(const struct addr *a, const struct addr *b);

/* "TCP", "UDP" or, for another number, NULL. */
const char *protocol_name(unsigned protocol);
