/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A choice is some draws, until one can be used, and then a walk along the list. */
#include "watch/chance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

/* Endpoints stand for themselves by their place among all. */
struct work {
	const struct chance *chance;
	uint32_t *own, *alias; /* by slot */
	enum fitness *fitness; /* to the connect that is looked at */
	double *probability;
	/* Of a draw: that it ends with an endpoint that can be used, or with one that cannot. */
	double *drawn, *failed;
	/* That a walk ends there, and that it finds nobody; negative: not known yet. */
	double *walked;
	double nowhere;
};

static void work_done(struct work *work)
{
	free(work->own);
	free(work->alias);
	free(work->fitness);
	free(work->probability);
	free(work->drawn);
	free(work->failed);
	free(work->walked);
}

static int compare_id(const void *left, const void *right)
{
	const uint64_t *id = left;
	const struct chance_endpoint *endpoint = right;

	return (*id > endpoint->candidate.endpoint) - (*id < endpoint->candidate.endpoint);
}

struct chance_endpoint *chance_find(const struct chance *chance, uint64_t id)
{
	if (!chance->n_endpoints)
		return NULL;
	return bsearch(&id, chance->endpoints, chance->n_endpoints, sizeof(*chance->endpoints), compare_id);
}

static int find_place(const struct chance *chance, uint64_t id, uint32_t *ret)
{
	const struct chance_endpoint *endpoint = chance_find(chance, id);

	if (!endpoint)
		return -ENOENT;
	*ret = endpoint - chance->endpoints;
	return 0;
}

static int work_begin(const struct chance *chance, struct work *work)
{
	size_t n = chance->n_endpoints + 1;

	work->chance = chance;
	work->own = calloc(chance->n_slots + 1, sizeof(*work->own));
	work->alias = calloc(chance->n_slots + 1, sizeof(*work->alias));
	work->fitness = calloc(n, sizeof(*work->fitness));
	work->probability = calloc(n, sizeof(double));
	work->drawn = calloc(n, sizeof(double));
	work->failed = calloc(n, sizeof(double));
	work->walked = calloc(n, sizeof(double));
	if (!work->own || !work->alias || !work->fitness || !work->probability || !work->drawn ||
	    !work->failed || !work->walked)
		return -ENOMEM;
	for (uint32_t i = 0; i < chance->n_slots; i++) {
		if (find_place(chance, chance->slots[i].endpoint, &work->own[i]) ||
		    find_place(chance, chance->slots[i].alias, &work->alias[i]))
			return -ENOENT;
	}
	return 0;
}

/* ---- the walk ---- */

static bool is_drained(const struct work *work, uint32_t place)
{
	return work->fitness[place] == UNFIT_DRAINED;
}

/* Returns where a walk from `start` along the list ends; -1: nowhere. */
static int64_t walk(const struct work *work, const uint32_t *list, uint32_t start)
{
	int64_t found = -1;

	for (uint32_t i = 0; i < MAX_WALK; i++) {
		uint32_t place = list[(start + i) % work->chance->n_listed];

		if (is_drained(work, place))
			continue;
		found = place;
		if (!work->chance->endpoints[place].ejected)
			break;
	}
	return found;
}

/* Returns the probability that a walk finds nobody. */
static double walk_all(struct work *work)
{
	const struct chance *chance = work->chance;
	const uint32_t *list = chance->algorithm == ALGORITHM_ROUND_ROBIN ? work->alias : work->own;

	if (work->nowhere >= 0)
		return work->nowhere;
	memset(work->walked, 0, chance->n_endpoints * sizeof(double));
	work->nowhere = 0;
	for (uint32_t start = 0; start < chance->n_listed; start++) {
		int64_t place = walk(work, list, start);

		if (place < 0)
			work->nowhere += 1.0 / chance->n_listed;
		else
			work->walked[place] += 1.0 / chance->n_listed;
	}
	return work->nowhere;
}

/* ---- draws ---- */

struct drawn {
	uint32_t place;
	enum fitness fitness;
	uint32_t met; /* and passed over: enum tolerance */
};

static enum fitness look(const struct work *work, uint32_t place, uint32_t tolerance, bool probed,
			 uint32_t *met)
{
	enum fitness fitness = work->fitness[place];

	if (probed && fitness == FIT_PROBE)
		fitness = UNFIT_EJECTED;
	fitness = eject_tolerate(fitness, tolerance);
	if (fitness == UNFIT_EJECTED)
		*met |= TOLERATE_EJECTED;
	if (fitness == UNFIT_DRAINED)
		*met |= TOLERATE_DRAINED;
	return fitness;
}

/* Which of two. `probed`: this connect has been made the probing one by an earlier look at them. */
static struct drawn draw_of_two(const struct work *work, uint32_t first, uint32_t second, uint32_t tolerance,
				bool probed)
{
	const struct candidate *a = &work->chance->endpoints[first].candidate;
	const struct candidate *b = &work->chance->endpoints[second].candidate;
	struct drawn drawn = { .place = first };
	enum fitness fitness;
	bool better;

	drawn.fitness = look(work, first, tolerance, probed, &drawn.met);
	if (drawn.fitness == FIT_PROBE)
		return drawn;
	fitness = look(work, second, tolerance, probed, &drawn.met);
	if (!is_fit(fitness))
		return drawn;
	better = work->chance->algorithm == ALGORITHM_EWMA ? pick_cheaper(b, a) : pick_less_loaded(b, a);
	if (fitness == FIT_PROBE || better || !is_fit(drawn.fitness)) {
		drawn.place = second;
		drawn.fitness = fitness;
	}
	return drawn;
}

static void tally(struct work *work, const struct drawn *drawn, double probability)
{
	(is_fit(drawn->fitness) ? work->drawn : work->failed)[drawn->place] += probability;
}

/* `first_draw`: what is tolerated is found out by it, and then the same two are looked at again. */
static void tally_pair(struct work *work, uint32_t first, uint32_t second, bool first_draw,
		       double probability)
{
	uint32_t tolerance = work->chance->tolerance;
	struct drawn drawn = draw_of_two(work, first, second, first_draw ? 0 : tolerance, false);

	if (first_draw && drawn.met & tolerance)
		drawn = draw_of_two(work, first, second, tolerance, drawn.fitness == FIT_PROBE);
	tally(work, &drawn, probability);
}

static double keep_of(const struct slot_row *slot)
{
	return slot->keep / 4294967296.0;
}

static void tally_column(struct work *work, uint32_t column, bool first_draw)
{
	const struct chance *chance = work->chance;
	const double each = 1.0 / chance->n_slots / (chance->n_slots - 1);
	uint32_t own = work->own[column], alias = work->alias[column];
	bool by_weight = chance->algorithm == ALGORITHM_LEAST_CONN && own != alias;
	double keep = by_weight ? keep_of(&chance->slots[column]) : 1;

	for (uint32_t i = 0; i < chance->n_slots; i++) {
		uint32_t other = work->own[i];

		if (i == column)
			continue;
		tally_pair(work, own, other, first_draw, keep * each);
		if (by_weight)
			tally_pair(work, alias, other == alias ? own : other, first_draw, (1 - keep) * each);
	}
}

static void tally_one(struct work *work, uint32_t place, double probability)
{
	struct drawn drawn = { .place = place };

	drawn.fitness = look(work, place, work->chance->tolerance, false, &drawn.met);
	tally(work, &drawn, probability);
}

static bool is_of_two(const struct chance *chance)
{
	return (chance->algorithm == ALGORITHM_LEAST_CONN || chance->algorithm == ALGORITHM_EWMA) &&
	       chance->n_slots > 1;
}

/* Returns the probability that a draw ends with nobody that can be used. */
static double draw_all(struct work *work, bool first_draw)
{
	const struct chance *chance = work->chance;
	double sum = 0;

	memset(work->drawn, 0, chance->n_endpoints * sizeof(double));
	memset(work->failed, 0, chance->n_endpoints * sizeof(double));
	for (uint32_t i = 0; i < chance->n_slots; i++) {
		bool whole = chance->algorithm == ALGORITHM_ROUND_ROBIN || work->own[i] == work->alias[i];
		double keep = whole ? 1 : keep_of(&chance->slots[i]);

		if (is_of_two(chance)) {
			tally_column(work, i, first_draw);
			continue;
		}
		tally_one(work, work->own[i], keep / chance->n_slots);
		if (!whole)
			tally_one(work, work->alias[i], (1 - keep) / chance->n_slots);
	}
	for (size_t i = 0; i < chance->n_endpoints; i++)
		sum += work->failed[i];
	return sum;
}

static void add(struct work *work, const double *what, double times)
{
	for (size_t i = 0; i < work->chance->n_endpoints; i++)
		work->probability[i] += times * what[i];
}

/* `missed`: that all draws fail, of which `failed` is the last. */
static void add_walk(struct work *work, double missed, double failed)
{
	double nowhere;

	/* What is left of rounding is not worth a walk. */
	if (missed < 1e-12)
		return;
	nowhere = walk_all(work);
	add(work, work->walked, missed);
	add(work, work->failed, missed * nowhere / failed);
}

static void by_draws(struct work *work)
{
	double missed = draw_all(work, true), failed = missed;

	add(work, work->drawn, 1);
	for (int i = 1; i < MAX_DRAWS && missed > 0; i++) {
		if (i == 1)
			failed = draw_all(work, false);
		add(work, work->drawn, missed);
		missed *= failed;
	}
	add_walk(work, missed, failed);
}

/* ---- turns ---- */

/* The place whose turn it is, or -1 if a walk must find one; `cursor` moves on. */
static int64_t take_turn(const struct work *work, uint32_t *cursor)
{
	for (int i = 0; i < MAX_DRAWS; i++) {
		uint32_t place = work->own[*cursor], met = 0;

		*cursor = (*cursor + 1) % work->chance->n_slots;
		if (is_fit(look(work, place, work->chance->tolerance, false, &met)))
			return place;
	}
	return -1;
}

static void add_turn(struct work *work, uint32_t *cursor, double probability)
{
	uint32_t last = (*cursor + MAX_DRAWS - 1) % work->chance->n_slots;
	int64_t place = take_turn(work, cursor);

	if (place >= 0) {
		work->probability[place] += probability;
		return;
	}
	work->probability[work->own[last]] += probability * walk_all(work);
	add(work, work->walked, probability);
}

static void by_next_turn(struct work *work)
{
	uint32_t cursor = work->chance->cursor % work->chance->n_slots;

	add_turn(work, &cursor, 1);
}

/* Turns repeat themselves, at the latest after as many as there are slots. */
static void by_all_turns(struct work *work)
{
	uint32_t cursor = work->chance->cursor % work->chance->n_slots, begin, length = 0;

	for (uint32_t i = 0; i < work->chance->n_slots; i++)
		take_turn(work, &cursor);
	begin = cursor;
	do {
		take_turn(work, &cursor);
		length++;
	} while (cursor != begin);
	do {
		add_turn(work, &cursor, 1.0 / length);
	} while (cursor != begin);
}

/* ---- */

static void compute(struct work *work, bool many)
{
	const struct chance *chance = work->chance;
	bool by_turns = chance->algorithm == ALGORITHM_ROUND_ROBIN && chance->has_cursor;

	work->nowhere = -1;
	memset(work->probability, 0, chance->n_endpoints * sizeof(double));
	for (size_t i = 0; i < chance->n_endpoints; i++) {
		enum fitness fitness = chance->endpoints[i].fitness;

		work->fitness[i] = many && fitness == FIT_PROBE ? UNFIT_EJECTED : fitness;
	}
	if (!by_turns)
		by_draws(work);
	else if (many)
		by_all_turns(work);
	else
		by_next_turn(work);
}

/* Is one connect like another? To go over all pairs of a long list once is enough then. */
static bool is_steady(const struct chance *chance)
{
	for (size_t i = 0; i < chance->n_endpoints; i++) {
		if (chance->endpoints[i].fitness == FIT_PROBE)
			return false;
	}
	return chance->algorithm != ALGORITHM_ROUND_ROBIN;
}

int chance_compute(struct chance *chance)
{
	_cleanup_(work_done) struct work work = { 0 };
	int error = work_begin(chance, &work);

	if (error || !chance->n_slots)
		return error;
	if (!chance->n_listed || chance->n_listed > chance->n_slots)
		return -ENOENT;
	compute(&work, false);
	for (size_t i = 0; i < chance->n_endpoints; i++)
		chance->endpoints[i].next = work.probability[i];
	if (!is_steady(chance))
		compute(&work, true);
	for (size_t i = 0; i < chance->n_endpoints; i++)
		chance->endpoints[i].share = work.probability[i];
	return 0;
}
