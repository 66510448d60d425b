/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How clients and services are named, and with which words others are refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/attr.h"
#include "cmd/explain_words.h"

enum {
	TEXT_SIZE = NAME_SIZE + 32,
};

/* "shop/cart 80 0", "10.0.0.1 80 17" */
static const char *describe_service(const struct asked_service *asked, char text[TEXT_SIZE])
{
	char address[ADDR_TEXT];

	snprintf(text, TEXT_SIZE, "%s %u %u",
		 *asked->name ? asked->name : addr_print(&asked->address, address), asked->port,
		 asked->protocol);
	return text;
}

Test(explain_words, services)
{
	static const struct {
		const char *text, *means;
	} cases[] = {
		{ "shop/cart:80", "shop/cart 80 0" },
		{ "shop/cart:65535/tcp", "shop/cart 65535 6" },
		{ "shop/cart:53/UDP", "shop/cart 53 17" },
		{ "10.0.0.1:1", "10.0.0.1 1 0" },
		{ "10.0.0.1:53/udp", "10.0.0.1 53 17" },
		{ "[fd00::1]:80", "fd00::1 80 0" },
		{ "[::ffff:10.0.0.1]:80/tcp", "10.0.0.1 80 6" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct asked_service asked;
		struct why why = { "" };
		char text[TEXT_SIZE];

		cr_assert_not(asked_service_parse(cases[i].text, &asked, &why), "%s: %s", cases[i].text,
			      why.text);
		cr_assert_str_eq(describe_service(&asked, text), cases[i].means, "'%s' means %s",
				 cases[i].text, text);
	}
}

Test(explain_words, what_is_no_service)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "'' names no port" },
		{ "shop/cart", "'shop/cart' names no port; give NAMESPACE/NAME:PORT" },
		{ "fd00::1", "'fd00::1' names no port" },
		{ "fd00::1:80", "'fd00::1:80' names no port" },
		{ "[fd00::1]", "is no port" },
		{ "[fd00::1:80", "is neither NAMESPACE/NAME nor an address" },
		{ "[]:80", "is neither NAMESPACE/NAME nor an address" },
		{ "shop/cart:", "'' is no port" },
		{ "shop/cart:0", "'0' is no port; give 1 to 65535" },
		{ "shop/cart:65536", "'65536' is no port" },
		{ "shop/cart:http", "'http' is no port" },
		{ "shop/cart:-1", "'-1' is no port" },
		{ "shop/cart:80/sctp", "'sctp' is no protocol; there are tcp and udp" },
		{ "cart:80", "'cart' is neither NAMESPACE/NAME nor an address" },
		{ "/cart:80", "is neither NAMESPACE/NAME nor an address" },
		{ "a/b/c:80", "is neither NAMESPACE/NAME nor an address" },
		{ "10.0.0.256:80", "is neither NAMESPACE/NAME nor an address" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct asked_service asked;
		struct why why = { "" };

		cr_assert_eq(asked_service_parse(cases[i].text, &asked, &why), -EINVAL, "'%s' is understood",
			     cases[i].text);
		cr_assert(strstr(why.text, cases[i].says), "'%s': %s", cases[i].text, why.text);
	}
}

Test(explain_words, clients)
{
	struct asked_client asked;
	struct why why = { "" };
	char text[ADDR_TEXT];

	cr_assert_not(asked_client_parse("4711", &asked, &why));
	cr_assert_eq(asked.process, 4711);
	cr_assert_not(asked_client_parse("shop/web-1", &asked, &why));
	cr_assert_not(asked.process || asked.is_address);
	cr_assert_str_eq(asked.namespace, "shop");
	cr_assert_str_eq(asked.name, "web-1");
	cr_assert_not(asked_client_parse("fd00::1", &asked, &why));
	cr_assert(asked.is_address);
	cr_assert_str_eq(addr_print(&asked.address, text), "fd00::1");
	cr_assert_not(asked_client_parse("::ffff:10.0.0.1", &asked, &why));
	cr_assert_str_eq(addr_print(&asked.address, text), "10.0.0.1");
}

Test(explain_words, what_is_no_client)
{
	static const char *const cases[] = { "", "0", "web", "shop/", "/web", "a/b/c", "10.0.0.1:80", "-1" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct asked_client asked;
		struct why why = { "" };

		cr_assert_eq(asked_client_parse(cases[i], &asked, &why), -EINVAL, "'%s' is understood",
			     cases[i]);
		cr_assert(strstr(why.text, "is no client; give a pod as NAMESPACE/NAME"), "%s", why.text);
	}
}
