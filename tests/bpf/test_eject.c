/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The arithmetic of ejection, with time given. */
#include <criterion/criterion.h>

#include "fixture.h"

#define MS 1000000ull
#define BASE 30000
#define NOW (1000000 * MS)

/* As enum fitness in bpf/lib/eject.h. */
enum { FIT = 0, PROBE = 1, EJECTED = 4 };

static uint64_t act(struct fixture *f, struct endpoint_state *state, enum shim_eject_act what, uint64_t now,
		    bool probe)
{
	struct shim_eject c = {
		.state = *state,
		.service = { .eject_failures = 5, .eject_base_ms = BASE, .eject_max_ms = 10 * BASE },
		.now_ns = now,
		.act = what,
		.probe = probe,
	};

	run(f->shim->progs.shim_eject, &c, sizeof(c));
	*state = c.state;
	return c.result;
}

Test(eject, fifth_failure_in_a_row_is_due)
{
	struct fixture f = fixture_open();
	struct endpoint_state state = { 0 };

	for (int i = 0; i < 4; i++)
		cr_assert(!act(&f, &state, SHIM_DUE, NOW, false));
	cr_assert(act(&f, &state, SHIM_DUE, NOW, false));
	fixture_close(&f);
}

Test(eject, success_begins_the_row_anew)
{
	struct fixture f = fixture_open();
	struct endpoint_state state = { 0 };

	for (int i = 0; i < 4; i++)
		act(&f, &state, SHIM_DUE, NOW, false);
	cr_assert(!act(&f, &state, SHIM_RETURNS, NOW, false));
	cr_assert_eq(state.failures, 0);
	for (int i = 0; i < 4; i++)
		cr_assert(!act(&f, &state, SHIM_DUE, NOW, false));
	fixture_close(&f);
}

Test(eject, back_off_grows_by_the_base_up_to_the_most)
{
	struct fixture f = fixture_open();
	struct endpoint_state state = { 0 };
	uint64_t now = NOW;

	for (uint64_t i = 1; i <= 12; i++) {
		uint64_t until = act(&f, &state, SHIM_EJECT, now, false);
		uint64_t times = i < 10 ? i : 10;

		cr_assert_eq(until, now + times * BASE * MS, "ejection %llu", (unsigned long long)i);
		cr_assert_eq(state.ejections, i);
		cr_assert_eq(state.cause, FAILURE_RESET);
		now = until + 1;
	}
	fixture_close(&f);
}

Test(eject, base_times_in_health_are_forgiven)
{
	struct fixture f = fixture_open();
	struct endpoint_state state = { .ejections = 5, .readmitted_ns = NOW };

	act(&f, &state, SHIM_EJECT, NOW + 3 * BASE * MS + 1, false);
	cr_assert_eq(state.ejections, 3);
	state = (struct endpoint_state){ .ejections = 5, .readmitted_ns = NOW };
	act(&f, &state, SHIM_EJECT, NOW + 1000ull * BASE * MS, false);
	cr_assert_eq(state.ejections, 1);
	fixture_close(&f);
}

Test(eject, one_probe_at_a_time_when_the_time_is_over)
{
	struct fixture f = fixture_open();
	struct endpoint_state state = { .ejected_until_ns = NOW };

	cr_assert_eq(act(&f, &state, SHIM_FITNESS, NOW - 1, false), EJECTED);
	cr_assert_eq(act(&f, &state, SHIM_FITNESS, NOW, false), PROBE);
	cr_assert_eq(act(&f, &state, SHIM_FITNESS, NOW + 1, false), EJECTED);
	cr_assert_eq(act(&f, &state, SHIM_FITNESS, NOW + 9999 * MS, false), EJECTED);
	/* A probe that tells nothing is given up. */
	cr_assert_eq(act(&f, &state, SHIM_FITNESS, NOW + 10000 * MS, false), PROBE);
	fixture_close(&f);
}

Test(eject, only_the_probe_decides)
{
	struct fixture f = fixture_open();
	struct endpoint_state state = { .ejected_until_ns = NOW, .probed_ns = NOW, .ejections = 1 };

	cr_assert(!act(&f, &state, SHIM_RETURNS, NOW + 1, false));
	cr_assert(!act(&f, &state, SHIM_DUE, NOW + 1, false));
	cr_assert_eq(state.ejected_until_ns, NOW);
	cr_assert(act(&f, &state, SHIM_DUE, NOW + 1, true));
	cr_assert_eq(act(&f, &state, SHIM_EJECT, NOW + 1, true), NOW + 1 + 2 * BASE * MS);
	cr_assert(act(&f, &state, SHIM_RETURNS, NOW + 2, true));
	cr_assert_eq(state.ejected_until_ns, 0);
	cr_assert_eq(state.readmitted_ns, NOW + 2);
	cr_assert_eq(act(&f, &state, SHIM_FITNESS, NOW + 3, false), FIT);
	fixture_close(&f);
}

Test(eject, share_that_may_be_out)
{
	static const struct {
		uint32_t listed, ejected, percent;
		bool allowed;
	} cases[] = {
		{ 1, 0, 10, true },   { 4, 0, 10, true },  { 4, 1, 10, false },	   { 20, 1, 10, true },
		{ 20, 2, 10, false }, { 4, 3, 100, true }, { 4, 0, 0, true },	   { 4, 1, 0, false },
		{ 19, 1, 10, false }, { 2, 1, 50, false }, { 1000, 99, 10, true },
	};
	struct fixture f = fixture_open();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shim_share c = { .listed = cases[i].listed,
					.ejected = cases[i].ejected,
					.percent = cases[i].percent };

		run(f.shim->progs.shim_share, &c, sizeof(c));
		cr_assert_eq(c.allowed, cases[i].allowed, "case %zu", i);
	}
	fixture_close(&f);
}

Test(eject, too_few_left_is_panic)
{
	static const struct {
		uint32_t usable, available, percent;
		bool panic;
	} cases[] = {
		{ 10, 10, 50, false }, { 10, 5, 50, false }, { 10, 4, 50, true },
		{ 2, 1, 50, false },   { 1, 0, 0, true },    { 10, 1, 0, false },
	};
	struct fixture f = fixture_open();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shim_share c = { .usable = cases[i].usable,
					.available = cases[i].available,
					.percent = cases[i].percent };

		run(f.shim->progs.shim_share, &c, sizeof(c));
		cr_assert_eq(c.panic, cases[i].panic, "case %zu", i);
	}
	fixture_close(&f);
}

Test(eject, what_the_end_of_a_connection_says)
{
	static const struct {
		uint32_t flags;
		int error;
		bool answered;
		enum failure failure;
	} cases[] = {
		{ 0, 0, false, FAILURE_NONE },
		{ 0, ECONNREFUSED, false, FAILURE_REFUSED },
		{ 0, EHOSTUNREACH, false, FAILURE_REFUSED },
		{ 0, ETIMEDOUT, false, FAILURE_TIMED_OUT },
		{ SOCK_FAILED, ETIMEDOUT, false, FAILURE_NONE },
		{ SOCK_ESTABLISHED, 0, false, FAILURE_NONE },
		{ SOCK_ESTABLISHED, ECONNRESET, false, FAILURE_RESET },
		{ SOCK_ESTABLISHED, EPIPE, false, FAILURE_RESET },
		{ SOCK_ESTABLISHED, ECONNRESET, true, FAILURE_NONE },
		{ SOCK_ESTABLISHED, ETIMEDOUT, true, FAILURE_STALLED },
		{ SOCK_ESTABLISHED | SOCK_FAILED, ETIMEDOUT, true, FAILURE_NONE },
	};
	struct fixture f = fixture_open();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shim_verdict c = { .sock = { .flags = cases[i].flags },
					  .error = cases[i].error,
					  .answered = cases[i].answered };

		run(f.shim->progs.shim_verdict, &c, sizeof(c));
		cr_assert_eq(c.failure, cases[i].failure, "case %zu", i);
	}
	fixture_close(&f);
}
