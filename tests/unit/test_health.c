/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What rows mean, in words. */
#include <criterion/criterion.h>

#include "base/attr.h"
#include "watch/health.h"

Test(health, words_by_table)
{
	static const struct {
		uint64_t until, now;
		enum failure cause;
		enum member_state member;
		bool drained;
		const char *health, *why;
	} cases[] = {
		{ 0, 5, FAILURE_NONE, MEMBER_READY, false, "active", "" },
		/* What it was ejected for once is not why it is anything now. */
		{ 0, 5, FAILURE_RESET, MEMBER_READY, false, "active", "" },
		{ 0, 5, FAILURE_NONE, MEMBER_NOT_READY, false, "not_ready", "" },
		{ 0, 5, FAILURE_NONE, MEMBER_TERMINATING, false, "draining", "terminating" },
		{ 0, 5, FAILURE_NONE, MEMBER_READY, true, "draining", "drained by hand" },
		{ 0, 5, FAILURE_NONE, MEMBER_TERMINATING, true, "draining", "drained by hand" },
		{ 6, 5, FAILURE_REFUSED, MEMBER_READY, false, "ejected", "refused" },
		{ 6, 5, FAILURE_TIMED_OUT, MEMBER_READY, true, "ejected", "timed_out" },
		{ 5, 5, FAILURE_RESET, MEMBER_READY, false, "probing", "reset" },
		{ 4, 5, FAILURE_STALLED, MEMBER_READY, false, "probing", "stalled" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct endpoint_state state = { .ejected_until_ns = cases[i].until, .cause = cases[i].cause };
		enum health health = health_of(&state, cases[i].member, cases[i].drained, cases[i].now);

		cr_assert_str_eq(health_name(health), cases[i].health, "case %zu", i);
		cr_assert_str_eq(health_why(health, &state, cases[i].drained), cases[i].why, "case %zu", i);
	}
}
