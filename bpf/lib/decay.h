/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Means that forget: arithmetic alone, time is given. The response time is like the peak EWMA of Finagle
 * (com.twitter.finagle.loadbalancer.PeakEwma): it rises to a slow sample at once and sinks by e^(-t / decay), but by
 * an eighth with each sample at least. By time alone, at a thousand answers a second, one slow answer in a hundred
 * keeps it at the top: endpoints of 2.5 ms were all held for 10 ms, and hardly to be told from one of 20 ms.
 */
#pragma once

#include "weft/abi.h"

#define NS_PER_MS 1000000ull

enum {
	FRACTION_BITS = 10,
	FRACTION_ONE = 1 << FRACTION_BITS,
	/* log2(e), so that e^-x is 2^-(x log2 e) */
	LOG2_E = 1477,
	/* 2^-x is 1 - 0.672 x + 0.172 x^2 for x from 0 to 1, to within 0.1 % */
	HALVING_LINEAR = 688,
	HALVING_SQUARE = 176,
	/* After so many decays nothing of 64 bits is left. */
	MAX_DECAYS = 44,
};

/* value x e^(-elapsed / decay); value below 2^54, decay_ms below 2^22. */
static inline uint64_t decay(uint64_t value, uint64_t elapsed_ns, uint32_t decay_ms)
{
	uint64_t decay_ns = decay_ms * NS_PER_MS;
	uint64_t halvings, fraction, factor;

	if (!decay_ns || elapsed_ns >= decay_ns * MAX_DECAYS)
		return 0;
	halvings = elapsed_ns * LOG2_E / decay_ns;
	fraction = halvings & (FRACTION_ONE - 1);
	factor = FRACTION_ONE - (HALVING_LINEAR * fraction >> FRACTION_BITS) +
		 (HALVING_SQUARE * fraction * fraction >> 2 * FRACTION_BITS);
	return (value * factor >> FRACTION_BITS) >> (halvings >> FRACTION_BITS);
}

/* The mean response time after a sample that came `elapsed_ns` after the one before. Zero means none yet. */
static inline uint64_t response_next(uint64_t mean_ns, uint64_t sample_ns, uint64_t elapsed_ns,
				     uint32_t decay_ms)
{
	uint64_t above, left;

	if (!sample_ns)
		sample_ns = 1;
	if (sample_ns >= mean_ns)
		return sample_ns;
	above = mean_ns - sample_ns;
	left = decay(above, elapsed_ns, decay_ms);
	if (left > above * 7 / 8)
		left = above * 7 / 8;
	return sample_ns + left;
}

/* A mean that each sample moves by an eighth of the difference, as TCP's round-trip time (RFC 6298). */
static inline uint64_t mean_eighth(uint64_t mean, uint64_t sample)
{
	return mean ? mean - mean / 8 + sample / 8 : sample;
}

/* Bucket of a histogram by powers of two, in microseconds: i holds what is below 2^i and not below half of it. */
static inline uint32_t response_bucket(uint64_t response_ns, uint32_t buckets)
{
	uint64_t us = response_ns / 1000;
	uint32_t bucket = 0;
	uint32_t step;

	if (us >> 32)
		return buckets - 1;
	for (step = 16; step; step >>= 1) {
		if (us >> step) {
			us >>= step;
			bucket += step;
		}
	}
	bucket += us != 0;
	return bucket < buckets ? bucket : buckets - 1;
}
