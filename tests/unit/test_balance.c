/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Annotations of a Service: what each may be, what it is if absent, and how a wrong one is told. */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/attr.h"
#include "dump.h"

enum {
	TEXT_SIZE = 1024,
};

/* A Service with these lines among its annotations; the first of them is line 7. */
static int parse(const char *lines, struct why *why, struct parsed *ret)
{
	char text[TEXT_SIZE];
	int size = snprintf(text, sizeof(text),
			    "apiVersion: v1\n"
			    "kind: Service\n"
			    "metadata:\n"
			    "  name: web\n"
			    "  annotations:\n"
			    "    team: shop\n"
			    "%s"
			    "spec:\n"
			    "  clusterIP: 10.96.0.10\n"
			    "  ports:\n"
			    "  - port: 80\n",
			    lines);

	cr_assert(size > 0 && (size_t)size < sizeof(text));
	return parse_text("web.yaml", TREE_YAML, text, (size_t)size, why, ret);
}

static struct parsed parse_good(const char *lines)
{
	struct parsed parsed = { 0 };
	struct why why = { "" };

	cr_assert_not(parse(lines, &why, &parsed), "%s%s", lines, why.text);
	cr_assert_eq(parsed.objects.count, 1);
	return parsed;
}

/* All that the annotations decide, as one line. */
static const char *describe(const struct service *service, char text[TEXT_SIZE])
{
	const struct health_knobs *health = &service->health;

	snprintf(text, TEXT_SIZE,
		 "lb %d measure %d splice %d decay %u failures %u base %u max %u percent %u panic %u syn %u "
		 "data %u "
		 "connect %u",
		 service->algorithm, service->measured, service->splice, service->decay_ms,
		 health->eject_failures, health->eject_base_ms, health->eject_max_ms, health->eject_percent,
		 health->panic_percent, health->syn_retransmits, health->data_retransmits,
		 health->connect_timeout_ms);
	return text;
}

static const char defaults[] =
	"lb 0 measure 0 splice 0 decay 10000 failures 5 base 30000 max 300000 percent 10 panic 50 "
	"syn 1 data 3 connect 0";

struct good {
	char lines[160];
	char expected[160]; /* what differs from the defaults; "": nothing */
};

/* Names without "weft.dev/", as "name: value". */
static const struct good goods[] = {
	{ "", "" },
	{ "lb: random", "" },
	{ "lb: round_robin", "lb 1" },
	{ "lb: least_conn", "lb 2" },
	{ "lb: ewma", "lb 3" },
	{ "measure: response-time", "measure 1" },
	{ "splice: auto", "splice 1" },
	{ "splice: 'on'", "splice 2" },
	{ "splice: 'off'", "" },
	{ "ewma-decay: 100ms", "decay 100" },
	{ "ewma-decay: 10m", "decay 600000" },
	{ "consecutive-failures: '0'", "failures 0" },
	{ "consecutive-failures: '1000'", "failures 1000" },
	{ "base-ejection-time: 1ms", "base 1" },
	{ "base-ejection-time: 300s", "base 300000" },
	{ "base-ejection-time: 301s", "base 301000 max 301000" },
	{ "base-ejection-time: 1h", "base 3600000 max 3600000" },
	{ "max-ejection-time: 30s", "max 30000" },
	{ "max-ejection-time: 24h", "max 86400000" },
	{ "base-ejection-time: 1ms\nmax-ejection-time: 1ms", "base 1 max 1" },
	{ "base-ejection-time: 20m\nmax-ejection-time: 1h", "base 1200000 max 3600000" },
	{ "max-ejection-percent: '0'", "percent 0" },
	{ "max-ejection-percent: '100'", "percent 100" },
	{ "panic-threshold: '0'", "panic 0" },
	{ "panic-threshold: '100'", "panic 100" },
	{ "syn-retransmits: '1'", "" },
	{ "syn-retransmits: '20'", "syn 20" },
	{ "data-retransmits: '1'", "data 1" },
	{ "data-retransmits: '20'", "data 20" },
	{ "connect-timeout: 100ms", "connect 100" },
	{ "connect-timeout: 10m", "connect 600000" },
	/* Several units in a row, each as often as one likes. */
	{ "max-ejection-time: 1m30s", "max 90000" },
	{ "max-ejection-time: 1h2m3s4ms", "max 3723004" },
	{ "max-ejection-time: 1m1m", "max 120000" },
	{ "max-ejection-time: 0h45s", "max 45000" },
	{ "max-ejection-time: 045s", "max 45000" },
	{ "max-ejection-time: 86400000ms", "max 86400000" },
};

/* "name: value" lines as YAML. */
static void spell(const char *lines, char text[TEXT_SIZE])
{
	size_t length = 0;

	text[0] = '\0';
	while (*lines) {
		int size = (int)strcspn(lines, "\n");

		length += (size_t)snprintf(text + length, TEXT_SIZE - length, "    weft.dev/%.*s\n", size,
					   lines);
		cr_assert_lt(length, (size_t)TEXT_SIZE);
		lines += size + (lines[size] == '\n');
	}
}

/* The defaults with some words, "name value name value", in place of theirs. */
static void amend(const char *changes, char text[TEXT_SIZE])
{
	char name[32], value[32];
	int used = 0;

	strcpy(text, defaults);
	while (sscanf(changes, " %31s %31s%n", name, value, &used) == 2) {
		char tail[TEXT_SIZE], key[sizeof(name) + 1];
		char *at, *end;

		snprintf(key, sizeof(key), "%s ", name);
		at = strstr(text, key);
		cr_assert(at, "%s", name);
		end = at + strlen(key) + strcspn(at + strlen(key), " ");
		strcpy(tail, end);
		snprintf(at, TEXT_SIZE - (size_t)(at - text), "%s%s%s", key, value, tail);
		changes += used;
	}
}

ParameterizedTestParameters(balance, good_values)
{
	return cr_make_param_array(struct good, (struct good *)goods, ARRAY_LEN(goods));
}

ParameterizedTest(struct good *good, balance, good_values)
{
	_cleanup_(parsed_done) struct parsed parsed = { 0 };
	char lines[TEXT_SIZE], expected[TEXT_SIZE], actual[TEXT_SIZE];

	spell(good->lines, lines);
	amend(good->expected, expected);
	parsed = parse_good(lines);
	describe(&parsed.objects.items[0].service, actual);
	cr_expect_str_eq(actual, expected, "%s\n%s\nexpected:\n%s", good->lines, actual, expected);
	cr_expect_eq(parsed.notices.count, 0, "%s: %s", good->lines,
		     parsed.notices.count ? parsed.notices.items[0].text : "");
}

ParameterizedTestParameters(balance, change_of_one_is_a_change_of_the_object)
{
	return cr_make_param_array(struct good, (struct good *)goods, ARRAY_LEN(goods));
}

ParameterizedTest(struct good *good, balance, change_of_one_is_a_change_of_the_object)
{
	_cleanup_(parsed_done) struct parsed before = parse_good("");
	_cleanup_(parsed_done) struct parsed after = { 0 };
	_cleanup_(parsed_done) struct parsed again = { 0 };
	char lines[TEXT_SIZE];

	spell(good->lines, lines);
	after = parse_good(lines);
	again = parse_good(lines);
	cr_expect_eq(object_equal(&before.objects.items[0], &after.objects.items[0]), !*good->expected, "%s",
		     good->lines);
	cr_expect(object_equal(&again.objects.items[0], &after.objects.items[0]), "%s", good->lines);
}

struct bad {
	char lines[160];
	char error[200]; /* behind file, line and path */
};

#define DECAY "is not a duration (\"100ms\" to \"10m\")"
#define BASE "is not a duration (\"1ms\" to \"1h\")"
#define MAX "is not a duration (\"1ms\" to \"24h\")"
#define FAILURES "is not a number of failures (\"0\" to \"1000\")"
#define PERCENTAGE "is not a percentage (\"0\" to \"100\")"
#define RETRANSMITS "is not a number of retransmissions (\"1\" to \"20\")"

ParameterizedTestParameters(balance, bad_values)
{
	static struct bad bads[] = {
		{ "lb: fastest", "\"fastest\" is not known (random, round_robin, least_conn or ewma)" },
		{ "lb: ''", "\"\" is not known (random, round_robin, least_conn or ewma)" },
		{ "lb: EWMA", "\"EWMA\" is not known (random, round_robin, least_conn or ewma)" },
		{ "measure: latency", "\"latency\" is not known (response-time)" },
		{ "measure: ''", "\"\" is not known (response-time)" },
		{ "measure: 'true'", "\"true\" is not known (response-time)" },
		{ "splice: always", "\"always\" is not known (auto, on or off)" },
		{ "splice: ''", "\"\" is not known (auto, on or off)" },
		{ "splice: Auto", "\"Auto\" is not known (auto, on or off)" },
		{ "ewma-decay: 99ms", "\"99ms\" " DECAY },
		{ "ewma-decay: 10m1ms", "\"10m1ms\" " DECAY },
		{ "ewma-decay: '10'", "\"10\" " DECAY },
		{ "consecutive-failures: '1001'", "\"1001\" " FAILURES },
		{ "consecutive-failures: '-1'", "\"-1\" " FAILURES },
		{ "consecutive-failures: '+5'", "\"+5\" " FAILURES },
		{ "consecutive-failures: ' 5'", "\" 5\" " FAILURES },
		{ "consecutive-failures: '5 '", "\"5 \" " FAILURES },
		{ "consecutive-failures: ''", "\"\" " FAILURES },
		{ "consecutive-failures: '0x5'", "\"0x5\" " FAILURES },
		{ "consecutive-failures: '4294967301'", "\"4294967301\" " FAILURES },
		{ "consecutive-failures: '18446744073709551621'", "\"18446744073709551621\" " FAILURES },
		{ "base-ejection-time: 0ms", "\"0ms\" " BASE },
		{ "base-ejection-time: 1h1ms", "\"1h1ms\" " BASE },
		{ "max-ejection-time: 0s", "\"0s\" " MAX },
		{ "max-ejection-time: 24h1ms", "\"24h1ms\" " MAX },
		{ "max-ejection-percent: '101'", "\"101\" " PERCENTAGE },
		{ "max-ejection-percent: 10%", "\"10%\" " PERCENTAGE },
		{ "panic-threshold: '101'", "\"101\" " PERCENTAGE },
		{ "syn-retransmits: '0'", "\"0\" " RETRANSMITS },
		{ "syn-retransmits: '21'", "\"21\" " RETRANSMITS },
		{ "data-retransmits: '0'", "\"0\" " RETRANSMITS },
		{ "data-retransmits: '21'", "\"21\" " RETRANSMITS },
		{ "connect-timeout: 99ms", "\"99ms\" is not a duration (\"100ms\" to \"10m\")" },
		{ "connect-timeout: 11m", "\"11m\" is not a duration (\"100ms\" to \"10m\")" },
		/* What is no duration at all. */
		{ "max-ejection-time: ''", "\"\" " MAX },
		{ "max-ejection-time: '0'", "\"0\" " MAX },
		{ "max-ejection-time: s", "\"s\" " MAX },
		{ "max-ejection-time: 1.5s", "\"1.5s\" " MAX },
		{ "max-ejection-time: -30s", "\"-30s\" " MAX },
		{ "max-ejection-time: 30S", "\"30S\" " MAX },
		{ "max-ejection-time: 30 s", "\"30 s\" " MAX },
		{ "max-ejection-time: 30s ago", "\"30s ago\" " MAX },
		{ "max-ejection-time: 1m30", "\"1m30\" " MAX },
		{ "max-ejection-time: 30us", "\"30us\" " MAX },
		{ "max-ejection-time: 1d", "\"1d\" " MAX },
		{ "max-ejection-time: 12h12h12h", "\"12h12h12h\" " MAX },
		{ "max-ejection-time: 5124095576030h", "\"5124095576030h\" " MAX },
		{ "max-ejection-time: 18446744073709551617s", "\"18446744073709551617s\" " MAX },
		/* Two that do not go together: the second is told. */
		{ "max-ejection-time: 29s",
		  "\"29s\" is below weft.dev/base-ejection-time, which is \"30s\"" },
		{ "max-ejection-time: 1m\nbase-ejection-time: 61s",
		  "\"1m\" is below weft.dev/base-ejection-time, which is \"61s\"" },
	};

	return cr_make_param_array(struct bad, bads, ARRAY_LEN(bads));
}

ParameterizedTest(struct bad *bad, balance, bad_values)
{
	struct parsed parsed = { .objects.count = 7 };
	struct why why = { "" };
	char lines[TEXT_SIZE], expected[TEXT_SIZE];

	spell(bad->lines, lines);
	snprintf(expected, sizeof(expected),
		 "web.yaml:7: metadata.annotations[weft.dev/%.*s]: Service default/web: %s",
		 (int)strcspn(bad->lines, ":"), bad->lines, bad->error);
	cr_assert_eq(parse(lines, &why, &parsed), -EINVAL, "%s", bad->lines);
	cr_expect_str_eq(why.text, expected, "%s\nexpected:\n%s", why.text, expected);
	cr_expect_eq(parsed.objects.count, 7, "%s: the output has changed", bad->lines);
}

static const char *const names[] = {
	"lb",
	"measure",
	"ewma-decay",
	"consecutive-failures",
	"base-ejection-time",
	"max-ejection-time",
	"max-ejection-percent",
	"panic-threshold",
	"syn-retransmits",
	"data-retransmits",
	"connect-timeout",
};

/* As YAML reads it, 5 is a number; Kubernetes would refuse it, too. */
Test(balance, every_value_is_a_string)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct parsed parsed = { 0 };
		struct why why = { "" };
		char lines[TEXT_SIZE], expected[TEXT_SIZE];

		snprintf(lines, sizeof(lines), "    weft.dev/%s: 5\n", names[i]);
		snprintf(expected, sizeof(expected),
			 "web.yaml:7: metadata.annotations[weft.dev/%s]: 5 is not a string; put it in quotes",
			 names[i]);
		cr_assert_eq(parse(lines, &why, &parsed), -EINVAL, "%s", names[i]);
		cr_expect_str_eq(why.text, expected, "%s", why.text);
	}
}

Test(balance, null_counts_as_absent)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		_cleanup_(parsed_done) struct parsed parsed = { 0 };
		char lines[TEXT_SIZE], actual[TEXT_SIZE];

		snprintf(lines, sizeof(lines), "    weft.dev/%s: null\n", names[i]);
		parsed = parse_good(lines);
		cr_expect_str_eq(describe(&parsed.objects.items[0].service, actual), defaults, "%s: %s",
				 names[i], actual);
	}
}

Test(balance, misspelt_annotation_is_noticed)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		_cleanup_(parsed_done) struct parsed parsed = { 0 };
		char lines[TEXT_SIZE], expected[TEXT_SIZE];

		snprintf(lines, sizeof(lines), "    weft.dev/%ss: x\n", names[i]);
		snprintf(expected, sizeof(expected),
			 "Service default/web: the annotation weft.dev/%ss is not known", names[i]);
		parsed = parse_good(lines);
		cr_assert_eq(parsed.notices.count, 1, "%s", names[i]);
		cr_expect_str_eq(parsed.notices.items[0].text, expected);
	}
}
