/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "cluster/lines.h"

struct seen {
	char text[256];
	size_t length;
	size_t count;
	size_t fail_at; /* zero: never */
};

static int on_line(void *arg, const char *line, size_t length)
{
	struct seen *seen = arg;

	seen->length += (size_t)snprintf(seen->text + seen->length, sizeof(seen->text) - seen->length,
					 "<%.*s>", (int)length, line);
	return ++seen->count == seen->fail_at ? -EPROTO : 0;
}

Test(lines, are_the_same_wherever_the_bytes_are_cut)
{
	static const char text[] = "one\n\ntwo and more\n3\nnot ended";
	const size_t size = strlen(text);

	for (size_t i = 0; i <= size; i++) {
		for (size_t j = i; j <= size; j++) {
			struct lines lines = { .most = 100 };
			struct seen seen = { 0 };

			cr_assert_eq(lines_feed(&lines, text, i, on_line, &seen), 0);
			cr_assert_eq(lines_feed(&lines, text + i, j - i, on_line, &seen), 0);
			cr_assert_eq(lines_feed(&lines, text + j, size - j, on_line, &seen), 0);
			cr_assert_str_eq(seen.text, "<one><two and more><3>", "cut at %zu and %zu", i, j);
			cr_assert_eq(lines_feed(&lines, "!\n", 2, on_line, &seen), 0);
			cr_assert_str_eq(seen.text, "<one><two and more><3><not ended!>");
			lines_reset(&lines);
		}
	}
}

Test(lines, have_a_length_at_the_most)
{
	for (size_t cut = 0; cut <= 6; cut++) {
		struct lines lines = { .most = 5 };
		struct seen seen = { 0 };

		cr_assert_eq(lines_feed(&lines, "12345\n", cut, on_line, &seen), 0);
		cr_assert_eq(lines_feed(&lines, "12345\n" + cut, 6 - cut, on_line, &seen), 0);
		cr_assert_str_eq(seen.text, "<12345>");
		if (lines_feed(&lines, "123456\n", cut, on_line, &seen) == -E2BIG)
			continue;
		cr_assert_eq(lines_feed(&lines, "123456\n" + cut, 7 - cut, on_line, &seen), -E2BIG,
			     "cut at %zu", cut);
		cr_assert_eq(seen.count, 1);
		lines_reset(&lines);
	}
}

Test(lines, end_with_the_first_error)
{
	struct lines lines = { .most = 100 };
	struct seen seen = { .fail_at = 2 };

	cr_assert_eq(lines_feed(&lines, "a\nb\nc\n", 6, on_line, &seen), -EPROTO);
	cr_assert_str_eq(seen.text, "<a><b>");
	lines_reset(&lines);
}

Test(lines, forget_what_was_begun)
{
	struct lines lines = { .most = 100 };
	struct seen seen = { 0 };

	cr_assert_eq(lines_feed(&lines, "half", 4, on_line, &seen), 0);
	lines_reset(&lines);
	cr_assert_eq(lines_feed(&lines, "new\n", 4, on_line, &seen), 0);
	cr_assert_str_eq(seen.text, "<new>");
}
