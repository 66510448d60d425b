/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <string.h>

#include <criterion/criterion.h>

#include "base/attr.h"
#include "cluster/query.h"
#include "cluster/status.h"

static void assert_words(const char *body, const char *expected)
{
	struct why why;

	status_words(403, body, strlen(body), &why);
	cr_assert_str_eq(why.text, expected);
}

Test(status, says_what_the_server_says)
{
	assert_words("{\"kind\":\"Status\",\"message\":\"no way\",\"code\":403}", "HTTP status 403: no way");
	assert_words("", "HTTP status 403");
	assert_words("{\"kind\":\"Status\"}", "HTTP status 403: {\"kind\":\"Status\"}");
	/* A terminal must not obey. */
	assert_words("<html>\033[2Jx\n", "HTTP status 403: <html> [2Jx ");
}

Test(query, is_escaped)
{
	_cleanup_(query_done) struct query query = { 0 };

	query_path(&query, "/api/%s", "v1");
	query_text(&query, "labelSelector", "a in (b,c),d!=e");
	query_text(&query, "continue", NULL);
	query_text(&query, "empty", "");
	query_number(&query, "limit", 500);
	cr_assert_eq(query_end(&query), 0);
	cr_assert_str_eq(query.text, "/api/v1?labelSelector=a%20in%20%28b%2Cc%29%2Cd%21%3De&limit=500");
}
