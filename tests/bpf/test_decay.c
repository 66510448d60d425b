/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Means that forget, with time given. */
#include <math.h>

#include <criterion/criterion.h>

#include "fixture.h"

static struct shim_decay run_decay(struct fixture *f, struct shim_decay c)
{
	run(f->shim->progs.shim_decay, &c, sizeof(c));
	return c;
}

#define MS 1000000ull

Test(decay, follows_the_exponential)
{
	static const double decays[] = { 0, 0.001, 0.1, 0.3, 0.5, 0.69, 0.7, 1, 1.5, 2, 3, 5, 10 };
	struct fixture f = fixture_open();

	for (size_t i = 0; i < sizeof(decays) / sizeof(*decays); i++) {
		struct shim_decay c = run_decay(&f, (struct shim_decay){
							    .value = 1000000000,
							    .elapsed_ns = (uint64_t)(decays[i] * 10000 * MS),
							    .decay_ms = 10000,
						    });
		double wanted = 1e9 * exp(-decays[i]);

		cr_assert_float_eq(c.decayed, wanted, wanted * 0.005 + 1, "%g decays: %llu, wanted %g",
				   decays[i], (unsigned long long)c.decayed, wanted);
	}
	fixture_close(&f);
}

Test(decay, never_rises_and_ends_at_nothing)
{
	struct fixture f = fixture_open();
	uint64_t before = UINT64_MAX;

	for (uint64_t ms = 0; ms < 60000; ms += 37) {
		struct shim_decay c = run_decay(
			&f,
			(struct shim_decay){ .value = 123456789, .elapsed_ns = ms * MS, .decay_ms = 1000 });

		cr_assert_leq(c.decayed, before, "after %llu ms", (unsigned long long)ms);
		before = c.decayed;
	}
	cr_assert_eq(before, 0);
	fixture_close(&f);
}

Test(decay, longest_times_do_not_overflow)
{
	struct fixture f = fixture_open();
	struct shim_decay c = { .value = 1ull << 50, .elapsed_ns = UINT64_MAX, .decay_ms = 600000 };

	cr_assert_eq(run_decay(&f, c).decayed, 0);
	c.elapsed_ns = 600000 * MS * 43;
	cr_assert_lt(run_decay(&f, c).decayed, 2);
	c.decay_ms = 0;
	cr_assert_eq(run_decay(&f, c).decayed, 0);
	fixture_close(&f);
}

Test(decay, response_time_rises_at_once_and_sinks_slowly)
{
	struct fixture f = fixture_open();
	struct shim_decay c = {
		.mean_ns = 2 * MS, .sample_ns = 20 * MS, .elapsed_ns = MS, .decay_ms = 10000
	};

	cr_assert_eq(run_decay(&f, c).next, 20 * MS);
	c = (struct shim_decay){
		.mean_ns = 20 * MS, .sample_ns = 2 * MS, .elapsed_ns = MS, .decay_ms = 10000
	};
	cr_assert_eq(run_decay(&f, c).next, 2 * MS + 18 * MS * 7 / 8);
	c.elapsed_ns = 10000 * MS;
	cr_assert_float_eq(run_decay(&f, c).next, 2e6 + 18e6 * exp(-1), 18e6 * 0.005);
	c.elapsed_ns = 1000000 * MS;
	cr_assert_eq(run_decay(&f, c).next, 2 * MS);
	fixture_close(&f);
}

Test(decay, first_sample_is_the_mean_and_zero_stays_no_sample)
{
	struct fixture f = fixture_open();

	cr_assert_eq(run_decay(&f, (struct shim_decay){ .sample_ns = 77, .decay_ms = 1 }).next, 77);
	cr_assert_eq(run_decay(&f, (struct shim_decay){ .sample_ns = 0, .decay_ms = 1 }).next, 1);
	fixture_close(&f);
}

Test(decay, buckets_are_powers_of_two)
{
	static const struct {
		uint64_t us;
		uint32_t bucket;
	} cases[] = {
		{ 0, 0 },      { 1, 1 },	 { 2, 2 },	     { 3, 2 },
		{ 4, 3 },      { 1023, 10 },	 { 1024, 11 },	     { 65535, 16 },
		{ 65536, 17 }, { 1u << 30, 31 }, { 1ull << 33, 31 }, { UINT64_MAX / 1000, 31 },
	};
	struct fixture f = fixture_open();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shim_decay c =
			run_decay(&f, (struct shim_decay){ .sample_ns = cases[i].us * 1000, .decay_ms = 1 });

		cr_assert_eq(c.bucket, cases[i].bucket, "%llu us in %u", (unsigned long long)cases[i].us,
			     c.bucket);
	}
	fixture_close(&f);
}
