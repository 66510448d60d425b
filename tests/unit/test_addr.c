/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses as text. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/attr.h"

static struct addr parsed(const char *text)
{
	struct addr address = { { 0 } };

	cr_assert_eq(addr_parse(text, &address), 0, "%s", text);
	return address;
}

Test(addr, text_there_and_back)
{
	static const struct {
		const char *in, *out;
		bool v4;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1", true },
		{ "0.0.0.0", "0.0.0.0", true },
		{ "255.255.255.255", "255.255.255.255", true },
		{ "::ffff:10.0.0.1", "10.0.0.1", true },
		{ "fd00::1", "fd00::1", false },
		{ "FD00:0:0:0:0:0:0:1", "fd00::1", false },
		{ "::", "::", false },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr address = parsed(rows[i].in);
		char text[ADDR_TEXT];

		cr_expect_str_eq(addr_print(&address, text), rows[i].out);
		cr_expect_eq(addr_is_v4(&address), rows[i].v4, "%s", rows[i].in);
	}
}

Test(addr, refuses_what_is_no_address)
{
	static const char *const rows[] = {
		"",
		" ",
		"10.0.0",
		"10.0.0.1.2",
		"10.0.0.256",
		"010.0.0.1",
		"10.0.0.01",
		"0x0a.0.0.1",
		"10.0.0.1 ",
		" 10.0.0.1",
		"10.0.0.1:80",
		"10.0.0.1/8",
		"fd00::1::2",
		"fd00::1%eth0",
		"[fd00::1]",
		"fd00::g",
		"::ffff:010.0.0.1",
		"localhost",
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr address = { { 1 } }, before = address;

		cr_expect_eq(addr_parse(rows[i], &address), -EINVAL, "\"%s\"", rows[i]);
		cr_expect_eq(addr_compare(&address, &before), 0, "\"%s\" wrote", rows[i]);
	}
}

Test(addr, order_is_by_value)
{
	struct addr low = parsed("9.255.255.255"), high = parsed("10.0.0.0"), v6 = parsed("fd00::1");

	cr_expect_lt(addr_compare(&low, &high), 0);
	cr_expect_gt(addr_compare(&high, &low), 0);
	cr_expect_eq(addr_compare(&low, &low), 0);
	cr_expect_lt(addr_compare(&high, &v6), 0);
}

Test(addr, protocols)
{
	cr_expect_str_eq(protocol_name(IPPROTO_TCP), "TCP");
	cr_expect_str_eq(protocol_name(IPPROTO_UDP), "UDP");
	cr_expect_null(protocol_name(IPPROTO_SCTP));
	cr_expect_null(protocol_name(0));
}
