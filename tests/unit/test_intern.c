/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <string.h>

#include <criterion/criterion.h>

#include "base/intern.h"

Test(intern, equal_texts_are_one)
{
	char text[] = "node-1";
	const char *one = intern(text), *other;

	text[5] = '2';
	other = intern("node-1");
	cr_assert_str_eq(one, "node-1");
	cr_assert_eq(one, other);
	cr_assert_neq(one, intern(text));
	/* One reference is left, and so is the text. */
	intern_release(one);
	cr_assert_str_eq(other, "node-1");
	intern_release(other);
	intern_release(intern("node-2"));
	intern_release(intern("node-2"));
}

Test(intern, no_text_is_nobodys)
{
	cr_assert_str_eq(intern(NULL), "");
	cr_assert_eq(intern(""), intern(NULL));
	intern_release(intern(""));
	intern_release(intern(""));
	intern_release(NULL);
}
