/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Annotations of a Service to how it is balanced. */
#include <string.h>

#include "base/attr.h"
#include "source/parse_object.h"

enum {
	SECOND = 1000,
	MINUTE = 60 * SECOND,
	HOUR = 60 * MINUTE,
};

static const char algorithm_annotation[] = "weft.dev/lb";
static const char measure_annotation[] = "weft.dev/measure";
static const char splice_annotation[] = "weft.dev/splice";

/* An annotation whose value is a number or, in milliseconds, a duration. */
struct knob {
	const char *annotation;
	bool (*read)(const char *text, uint32_t most, uint32_t *ret);
	uint32_t absent, least, most;
	const char *what; /* is said of a value that it is not */
};

static bool read_number(const char *text, uint32_t most, uint32_t *ret);
static bool read_duration(const char *text, uint32_t most, uint32_t *ret);

enum {
	KNOB_DECAY,
	KNOB_FAILURES,
	KNOB_BASE,
	KNOB_MAX,
	KNOB_PERCENT,
	KNOB_PANIC,
	KNOB_SYN,
	KNOB_DATA,
	KNOB_CONNECT,
};

static const struct knob knobs[] = {
	[KNOB_DECAY] = { "weft.dev/ewma-decay", read_duration, 10 * SECOND, 100, 10 * MINUTE,
			 "a duration (\"100ms\" to \"10m\")" },
	[KNOB_FAILURES] = { "weft.dev/consecutive-failures", read_number, 5, 0, 1000,
			    "a number of failures (\"0\" to \"1000\")" },
	[KNOB_BASE] = { "weft.dev/base-ejection-time", read_duration, 30 * SECOND, 1, HOUR,
			"a duration (\"1ms\" to \"1h\")" },
	[KNOB_MAX] = { "weft.dev/max-ejection-time", read_duration, 300 * SECOND, 1, 24 * HOUR,
		       "a duration (\"1ms\" to \"24h\")" },
	[KNOB_PERCENT] = { "weft.dev/max-ejection-percent", read_number, 10, 0, 100,
			   "a percentage (\"0\" to \"100\")" },
	[KNOB_PANIC] = { "weft.dev/panic-threshold", read_number, 50, 0, 100,
			 "a percentage (\"0\" to \"100\")" },
	[KNOB_SYN] = { "weft.dev/syn-retransmits", read_number, 1, 1, 20,
		       "a number of retransmissions (\"1\" to \"20\")" },
	[KNOB_DATA] = { "weft.dev/data-retransmits", read_number, 3, 1, 20,
			"a number of retransmissions (\"1\" to \"20\")" },
	[KNOB_CONNECT] = { "weft.dev/connect-timeout", read_duration, 0, 100, 10 * MINUTE,
			   "a duration (\"100ms\" to \"10m\")" },
};

bool balance_knows(const char *annotation)
{
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++) {
		if (!strcmp(annotation, knobs[i].annotation))
			return true;
	}
	return !strcmp(annotation, algorithm_annotation) || !strcmp(annotation, measure_annotation) ||
	       !strcmp(annotation, splice_annotation);
}

/* The digits at the front, up to `most`; returns what stands behind them, or NULL. */
static const char *read_digits(const char *text, uint32_t most, uint32_t *ret)
{
	uint64_t number = 0;
	const char *at;

	for (at = text; *at >= '0' && *at <= '9'; at++) {
		number = number * 10 + (uint64_t)(*at - '0');
		if (number > most)
			return NULL;
	}
	*ret = (uint32_t)number;
	return at > text ? at : NULL;
}

static bool read_number(const char *text, uint32_t most, uint32_t *ret)
{
	const char *end = read_digits(text, most, ret);

	return end && !*end;
}

/* As Go writes durations, in whole numbers: "30s", "1m30s", "250ms". */
static bool read_duration(const char *text, uint32_t most, uint32_t *ret)
{
	static const struct {
		const char *name;
		uint32_t ms;
	} units[] = { { "ms", 1 }, { "s", SECOND }, { "m", MINUTE }, { "h", HOUR } };
	uint64_t sum = 0;

	do {
		uint32_t number = 0;
		size_t unit = 0;

		text = read_digits(text, most, &number);
		if (!text)
			return false;
		while (unit < ARRAY_LEN(units) && strncmp(text, units[unit].name, strlen(units[unit].name)))
			unit++;
		if (unit == ARRAY_LEN(units))
			return false;
		text += strlen(units[unit].name);
		sum += (uint64_t)number * units[unit].ms;
		if (sum > most)
			return false;
	} while (*text);
	*ret = (uint32_t)sum;
	return true;
}

/* The place of an annotation's value in a list of words; zero if it is absent. `known` is said where it is none. */
static int parse_word(const struct parsing *p, const char *name, const char *const *words, size_t n_words,
		      const char *known, size_t *ret)
{
	struct field annotation = field_member(&p->annotations, name);
	const char *text = NULL;
	int error = field_string(&annotation, &text);

	*ret = 0;
	if (error || !text)
		return error;
	for (size_t i = 0; i < n_words; i++) {
		if (!strcmp(text, words[i])) {
			*ret = i;
			return 0;
		}
	}
	return field_refuse(&annotation, "Service %s/%s: \"%.64s\" is not known (%s)", p->object->namespace,
			    p->object->name, text, known);
}

static int parse_algorithm(const struct parsing *p, enum algorithm *ret)
{
	static const char *const words[] = {
		[ALGORITHM_RANDOM] = "random",
		[ALGORITHM_ROUND_ROBIN] = "round_robin",
		[ALGORITHM_LEAST_CONN] = "least_conn",
		[ALGORITHM_EWMA] = "ewma",
	};
	size_t word;
	int error = parse_word(p, algorithm_annotation, words, ARRAY_LEN(words),
			       "random, round_robin, least_conn or ewma", &word);

	*ret = (enum algorithm)word;
	return error;
}

static int parse_splice(const struct parsing *p, enum splice_mode *ret)
{
	static const char *const words[] = {
		[SPLICE_MODE_OFF] = "off",
		[SPLICE_MODE_AUTO] = "auto",
		[SPLICE_MODE_ON] = "on",
	};
	size_t word;
	int error = parse_word(p, splice_annotation, words, ARRAY_LEN(words), "auto, on or off", &word);

	*ret = (enum splice_mode)word;
	return error;
}

static int parse_measure(const struct parsing *p, bool *ret)
{
	struct field annotation = field_member(&p->annotations, measure_annotation);
	const char *text = NULL;
	int error = field_string(&annotation, &text);

	if (error)
		return error;
	if (text && strcmp(text, "response-time"))
		return field_refuse(&annotation, "Service %s/%s: \"%.64s\" is not known (response-time)",
				    p->object->namespace, p->object->name, text);
	*ret = text != NULL;
	return 0;
}

static int parse_knob(const struct parsing *p, const struct knob *knob, uint32_t *ret)
{
	struct field annotation = field_member(&p->annotations, knob->annotation);
	const char *text = NULL;
	int error = field_string(&annotation, &text);

	if (error)
		return error;
	*ret = knob->absent;
	if (text && (!knob->read(text, knob->most, ret) || *ret < knob->least))
		return field_refuse(&annotation, "Service %s/%s: \"%.64s\" is not %s", p->object->namespace,
				    p->object->name, text, knob->what);
	return 0;
}

/* A longest time that is given must hold the base time; one that is not given makes way for it. */
static int check_ejection_times(const struct parsing *p, uint32_t base, uint32_t *max)
{
	struct field max_field = field_member(&p->annotations, knobs[KNOB_MAX].annotation);
	const char *base_text = NULL, *max_text = NULL;
	int error = parse_annotation(p, knobs[KNOB_BASE].annotation, &base_text);

	if (!error)
		error = field_string(&max_field, &max_text);
	if (error || *max >= base)
		return error;
	if (max_text)
		return field_refuse(&max_field, "Service %s/%s: \"%.64s\" is below %s, which is \"%.64s\"",
				    p->object->namespace, p->object->name, max_text,
				    knobs[KNOB_BASE].annotation, base_text ? base_text : "30s");
	*max = base;
	return 0;
}

int parse_balance(const struct parsing *p)
{
	struct service *service = &p->object->service;
	uint32_t values[ARRAY_LEN(knobs)] = { 0 };
	int error = parse_algorithm(p, &service->algorithm);

	if (!error)
		error = parse_measure(p, &service->measured);
	if (!error)
		error = parse_splice(p, &service->splice);
	for (size_t i = 0; !error && i < ARRAY_LEN(knobs); i++)
		error = parse_knob(p, &knobs[i], &values[i]);
	if (!error)
		error = check_ejection_times(p, values[KNOB_BASE], &values[KNOB_MAX]);
	if (error)
		return error;
	service->decay_ms = values[KNOB_DECAY];
	service->health = (struct health_knobs){
		.eject_failures = values[KNOB_FAILURES],
		.eject_base_ms = values[KNOB_BASE],
		.eject_max_ms = values[KNOB_MAX],
		.eject_percent = (uint8_t)values[KNOB_PERCENT],
		.panic_percent = (uint8_t)values[KNOB_PANIC],
		.syn_retransmits = (uint8_t)values[KNOB_SYN],
		.data_retransmits = (uint8_t)values[KNOB_DATA],
		.connect_timeout_ms = values[KNOB_CONNECT],
	};
	return 0;
}
