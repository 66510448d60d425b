/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the agent tells of itself, as text. */
#include <string.h>

#include <criterion/criterion.h>
#include <yyjson.h>

#include "base/clock.h"
#include "serve/report.h"

static struct report some_report(void)
{
	struct report report = {
		.version = "v1 \"odd\\\n",
		.abi = 7,
		.source = { .kind = "file", .complete = true, .events = 12 },
		.tables = { { "services", 3, 100 }, { "names", 4, 0 } },
		.n_tables = 2,
		.puts = 50,
		.deletes = 6,
		.kernel_errors = 1,
	};

	report.objects[OBJECT_SLICE] = 9;
	report.source.errors[SOURCE_ERROR_GONE] = 2;
	return report;
}

static void has_line(const char *text, const char *line)
{
	const char *found = strstr(text, line);

	cr_expect(found && (found == text || found[-1] == '\n') && found[strlen(line)] == '\n',
		  "no line '%s' in:\n%s", line, text);
}

Test(report, metrics)
{
	struct report report = some_report();
	_cleanup_(freep) char *text = NULL;

	text = report_metrics(&report);
	has_line(text, "weft_build_info{version=\"v1 \\\"odd\\\\\\n\",abi=\"7\"} 1");
	has_line(text, "weft_ready 0");
	has_line(text, "weft_source_info{kind=\"file\"} 1");
	has_line(text, "weft_source_complete 1");
	has_line(text, "weft_source_healthy 1");
	has_line(text, "weft_source_events_total 12");
	has_line(text, "weft_source_last_event_timestamp_seconds 0.000");
	has_line(text, "weft_source_errors_total{kind=\"gone\"} 2");
	has_line(text, "weft_source_errors_total{kind=\"parse\"} 0");
	has_line(text, "weft_source_objects{kind=\"EndpointSlice\"} 9");
	has_line(text, "weft_source_objects{kind=\"Node\"} 0");
	has_line(text, "weft_map_rows{map=\"services\"} 3");
	has_line(text, "weft_map_rows_max{map=\"services\"} 100");
	cr_expect_not(strstr(text, "weft_map_rows_max{map=\"names\"}"), "a bound that is not known");
	has_line(text, "weft_map_changes_total{operation=\"put\"} 50");
	has_line(text, "weft_map_changes_total{operation=\"delete\"} 6");
	has_line(text, "weft_map_errors_total 1");
	cr_expect_eq(text[strlen(text) - 1], '\n', "the last line is one, too");
}

/* Each metric has its help and type once, in front of its values. */
Test(report, metrics_are_described)
{
	struct report report = some_report();
	_cleanup_(freep) char *text = NULL;
	char name[128] = "", found[128], type[16];
	char *line, *rest;

	text = report_metrics(&report);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "# HELP %127s", found) == 1) {
			cr_expect_str_neq(found, name, "twice");
			strcpy(name, found);
			line = strtok_r(NULL, "\n", &rest);
			cr_assert_eq(sscanf(line, "# TYPE %127s %15s", found, type), 2, "%s", line);
			cr_expect_str_eq(found, name);
			cr_expect_eq(!strcmp(type, "counter"), !!strstr(name, "_total"), "%s", name);
		} else {
			cr_assert_eq(sscanf(line, "%127[a-z_]", found), 1, "%s", line);
			cr_expect_str_eq(found, name);
		}
	}
}

Test(report, moments_are_those_of_the_calendar)
{
	struct report report = some_report();
	_cleanup_(freep) char *text = NULL;
	double told, now = (double)clock_wall_ms(clock_now_ns()) / 1000;

	report.source.last_event_ns = clock_now_ns() - 5 * NS_PER_S;
	text = report_metrics(&report);
	cr_assert_eq(sscanf(strstr(text, "\nweft_source_last_event_timestamp_seconds"), "%*s %lf", &told), 1);
	cr_expect(now - told > 4.5 && now - told < 5.5, "%f s ago", now - told);
	cr_assert_eq(sscanf(strstr(text, "\nprocess_start_time_seconds"), "%*s %lf", &told), 1);
	cr_expect(now - told >= -0.1 && now - told < 60, "started %f s ago", now - told);
}

Test(report, json)
{
	struct report report = some_report();
	_cleanup_(freep) char *text = NULL;
	yyjson_doc *doc;
	yyjson_val *root, *source;

	why_set(&report.source.wrong, 0, "dir/a.yaml:1: \"x\" is no \x80");
	report.source.last_event_ns = 1;
	text = report_json(&report);
	doc = yyjson_read(text, strlen(text), YYJSON_READ_ALLOW_INVALID_UNICODE);
	cr_assert_not_null(doc, "%s", text);
	root = yyjson_doc_get_root(doc);
	source = yyjson_obj_get(root, "source");
	cr_expect_eq(yyjson_get_uint(yyjson_obj_get(root, "abi")), 7);
	cr_expect_not(yyjson_get_bool(yyjson_obj_get(root, "ready")));
	cr_expect_str_eq(yyjson_get_str(yyjson_obj_get(source, "kind")), "file");
	cr_expect_str_eq(yyjson_get_str(yyjson_obj_get(source, "wrong")), report.source.wrong.text);
	cr_expect_eq(yyjson_get_uint(yyjson_obj_get(yyjson_obj_get(source, "objects"), "EndpointSlice")), 9);
	cr_expect_eq(yyjson_get_uint(yyjson_obj_get(yyjson_obj_get(source, "errors"), "gone")), 2);
	cr_expect_eq(yyjson_get_uint(yyjson_obj_get(yyjson_obj_get(root, "kernel"), "puts")), 50);
	cr_expect_not_null(yyjson_get_str(yyjson_obj_get(source, "last_event")));
	yyjson_doc_free(doc);
}

Test(report, readiness)
{
	static const struct {
		bool ready, complete;
		const char *source, *kernel, *expected;
	} cases[] = {
		{ true, true, "", "", "ready\n" },
		{ true, true, "the server is away", "", "ready\nsource: the server is away\n" },
		{ true, true, "", "no room", "ready\nkernel: no room\n" },
		{ false, true, "", "no room",
		  "not ready: the first complete state is not in the kernel yet\nkernel: no room\n" },
		{ false, false, "forbidden", "",
		  "not ready: not all that the source has was read yet\nsource: forbidden\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(freep) char *text = NULL;
		struct report report = some_report();

		report.ready = cases[i].ready;
		report.source.complete = cases[i].complete;
		why_set(&report.source.wrong, 0, "%s", cases[i].source);
		why_set(&report.kernel_wrong, 0, "%s", cases[i].kernel);
		text = report_readiness(&report);
		cr_expect_str_eq(text, cases[i].expected);
	}
}

Test(report, every_kind_of_error_has_a_name)
{
	for (int i = 0; i < SOURCE_ERRORS; i++)
		cr_expect_not_null(source_error_name(i), "%d", i);
	for (int i = 0; i < OBJECT_KINDS; i++)
		cr_expect_not_null(object_kind_name(i), "%d", i);
}
