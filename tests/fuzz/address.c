/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses: what is read is printed so that it is read again. */
#include <string.h>

#include "base/addr.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char input[128], text[ADDR_TEXT];
	struct addr address, again;

	if (size >= sizeof(input))
		return 0;
	memcpy(input, data, size);
	input[size] = '\0';
	if (addr_parse(input, &address))
		return 0;
	HOLDS(!addr_parse(addr_print(&address, text), &again));
	HOLDS(!addr_compare(&address, &again));
	return 0;
}
