/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers and names in narrow columns. */
#include <string.h>

#include <criterion/criterion.h>

#include "base/attr.h"
#include "watch/figures.h"

Test(figures, counts_by_table)
{
	static const struct {
		uint64_t number;
		const char *text;
	} cases[] = {
		{ 0, "0" },	    { 9999, "9999" },	   { 10000, "10.0k" },
		{ 99949, "99.9k" }, { 99950, "100k" },	   { 999499, "999k" },
		{ 999500, "1.0M" }, { 12345678, "12.3M" }, { 18446744073709551615ull, "18.4E" },
	};
	char text[FIGURE_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_assert_str_eq(figure_count(cases[i].number, text), cases[i].text, "case %zu: %s", i, text);
}

Test(figures, rates_by_table)
{
	static const struct {
		double number;
		const char *text;
	} cases[] = {
		{ 0, "0" },	    { 0.5, "0.5" },	  { 9.94, "9.9" }, { 9.96, "10" },
		{ 1234.4, "1234" }, { 56789.0, "56.8k" }, { -1, "0" },
	};
	char text[FIGURE_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_assert_str_eq(figure_rate(cases[i].number, text), cases[i].text, "case %zu: %s", i, text);
}

Test(figures, times_by_table)
{
	static const struct {
		uint64_t us;
		const char *text;
	} cases[] = {
		{ 1, "1us" },
		{ 999, "999us" },
		{ 1000, "1.0ms" },
		{ 9949, "9.9ms" },
		{ 9951, "10ms" },
		{ 999499, "999ms" },
		{ 999500, "1.0s" },
		{ 12000000, "12s" },
		{ 9999499999, "9999s" },
		{ 1ull << 60, ">9999" },
	};
	char text[FIGURE_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_assert_str_eq(figure_time(cases[i].us, text), cases[i].text, "case %zu: %s", i, text);
}

/* No figure is wider than its column. */
Test(figures, five_characters_are_enough)
{
	char text[FIGURE_TEXT];

	for (uint64_t number = 1; number; number = number > UINT64_MAX / 3 ? 0 : number * 3 - number / 7) {
		cr_assert_leq(strlen(figure_count(number, text)), 5, "%s", text);
		cr_assert_leq(strlen(figure_time(number, text)), 5, "%s", text);
		cr_assert_leq(strlen(figure_rate((double)number / 7, text)), 5, "%s", text);
	}
}

Test(figures, percentiles)
{
	uint64_t histogram[RESPONSE_BUCKETS] = { 0 };

	cr_assert_eq(figure_percentile(histogram, 50), 0, "nothing was measured");
	histogram[10] = 100; /* 512 to 1024 us */
	cr_assert_eq(figure_percentile(histogram, 50), 768);
	cr_assert_eq(figure_percentile(histogram, 99), 1019);
	cr_assert_eq(figure_percentile(histogram, 100), 1024);
	histogram[20] = 1; /* one of 101 is slow: not yet the 99th */
	cr_assert_leq(figure_percentile(histogram, 99), 1024);
	histogram[20] = 2;
	cr_assert_gt(figure_percentile(histogram, 99), 524288);
	cr_assert_lt(figure_percentile(histogram, 50), 1024);
	memset(histogram, 0, sizeof(histogram));
	histogram[0] = 5;
	cr_assert_eq(figure_percentile(histogram, 50), 1, "below a microsecond is not nothing");
}

Test(figures, texts_are_filled_or_cut)
{
	static const struct {
		const char *text;
		size_t width;
		enum cut cut;
		const char *fitted;
	} cases[] = {
		{ "web", 5, CUT_END, "web  " },
		{ "web", 3, CUT_END, "web" },
		{ "website", 5, CUT_END, "webs~" },
		{ "[fd00::1]:80", 8, CUT_MIDDLE, "[fd~]:80" },
		{ "production/web", 14, CUT_NAME, "production/web" },
		{ "production/web", 10, CUT_NAME, "produ~/web" },
		{ "production/web", 8, CUT_NAME, "pro~/web" },
		/* A namespace of which too little would be left does not help. */
		{ "production/web", 7, CUT_NAME, "produc~" },
		{ "a/very-long-name-of-a-service", 12, CUT_NAME, "a/very-long~" },
		{ "web", 1, CUT_MIDDLE, "~" },
		{ "web", 0, CUT_END, "" },
	};
	char fitted[FIT_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		figure_fit(cases[i].text, cases[i].width, cases[i].cut, "~", fitted);
		cr_assert_str_eq(fitted, cases[i].fitted, "case %zu: '%s'", i, fitted);
	}
}
