/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/attr.h"
#include "base/base64.h"

static void assert_decodes(const char *text, const char *expected, size_t length)
{
	_cleanup_(freep) char *bytes = NULL;
	size_t got = 0;

	cr_assert_eq(base64_decode(text, &bytes, &got), 0, "%s", text);
	cr_assert_eq(got, length, "%s: %zu bytes", text, got);
	cr_assert_arr_eq(bytes, expected, length + 1, "%s", text);
}

/* RFC 4648, section 10. */
Test(base64, vectors)
{
	assert_decodes("", "", 0);
	assert_decodes("Zg==", "f", 1);
	assert_decodes("Zm8=", "fo", 2);
	assert_decodes("Zm9v", "foo", 3);
	assert_decodes("Zm9vYg==", "foob", 4);
	assert_decodes("Zm9vYmE=", "fooba", 5);
	assert_decodes("Zm9vYmFy", "foobar", 6);
	assert_decodes("AP+/", "\0\xff\xbf", 3);
}

Test(base64, blanks_and_missing_padding)
{
	assert_decodes("Zm9v\nYmFy\n", "foobar", 6);
	assert_decodes(" Zm9v\r\n\tYg= =\n", "foob", 4);
	assert_decodes("Zm9vYg", "foob", 4);
}

Test(base64, nonsense)
{
	static const char *const wrong[] = { "Z",	 "Zm9vY", "Zg=",   "Zm9v=", "Zg===",
					     "Zg==Zg==", "Zm9-",  "Zm9v!", "=" };

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char *bytes = NULL;

		cr_expect_eq(base64_decode(wrong[i], &bytes, NULL), -EINVAL, "%s", wrong[i]);
		cr_expect_null(bytes);
	}
}
