/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Endpoints as they are named on the command line. */
#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/attr.h"
#include "cmd/place.h"

Test(place, what_is_understood)
{
	static const struct {
		const char *text, *address;
		unsigned port;
	} cases[] = {
		{ "10.0.0.1:80", "10.0.0.1", 80 },
		{ "10.0.0.1", "10.0.0.1", 0 },
		{ "[fd00::1]:65535", "fd00::1", 65535 },
		{ "[fd00::1]", "fd00::1", 0 },
		{ "fd00::1", "fd00::1", 0 },
		{ "fd00::1:80", "fd00::1:80", 0 },
		{ "::1", "::1", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char address[ADDR_TEXT];
		struct place place;

		cr_assert(!place_parse(cases[i].text, &place), "%s", cases[i].text);
		cr_assert_str_eq(addr_print(&place.address, address), cases[i].address);
		cr_assert_eq(place.port, cases[i].port, "%s", cases[i].text);
	}
}

Test(place, what_is_refused)
{
	static const char *const cases[] = {
		"",
		":",
		"web",
		":80",
		"10.0.0.1:",
		"10.0.0.1:0",
		"10.0.0.1:+8",
		"10.0.0.1:65536",
		"10.0.0.1:123456",
		"[10.0.0.1]:80",
		"[fd00::1",
		"[fd00::1]80",
		"[fd00::1]:",
		"[]:80",
		"10.0.0:80",
		"10.0.0.1 :80",
		"10.0.0.1:80x",
		"fd00::1]:80",
		"[fd00:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:80",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct place place = { .port = 7 };

		cr_assert(place_parse(cases[i], &place), "'%s' is taken", cases[i]);
		cr_assert_eq(place.port, 7, "'%s' changes what it was given", cases[i]);
	}
}
