/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The report for Prometheus. Names follow its conventions: base units, _total for what only grows, a moment as
 * seconds since 1970, from which whoever asks counts an age.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/clock.h"
#include "serve/process.h"
#include "serve/report.h"

static void family(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void number(FILE *to, const char *name, const char *type, const char *help, uint64_t value)
{
	family(to, name, type, help);
	fprintf(to, "%s %" PRIu64 "\n", name, value);
}

static void real(FILE *to, const char *name, const char *type, const char *help, double value)
{
	family(to, name, type, help);
	fprintf(to, "%s %.3f\n", name, value);
}

/* The values of labels: backslash, quote and line end are escaped. */
static void label(FILE *to, const char *name, const char *value)
{
	fprintf(to, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", to);
		else if (*value == '"' || *value == '\\')
			fprintf(to, "\\%c", *value);
		else
			fputc(*value, to);
	}
	fputc('"', to);
}

static void labelled(FILE *to, const char *metric, const char *name, const char *value, uint64_t number)
{
	fprintf(to, "%s{", metric);
	label(to, name, value);
	fprintf(to, "} %" PRIu64 "\n", number);
}

static void tell_build(FILE *to, const struct report *report)
{
	char abi[16];

	snprintf(abi, sizeof(abi), "%u", report->abi);
	family(to, "weft_build_info", "gauge", "1, with what this weft is.");
	fputs("weft_build_info{", to);
	label(to, "version", report->version);
	fputc(',', to);
	label(to, "abi", abi);
	fputs("} 1\n", to);
	number(to, "weft_ready", "gauge", "Whether the first complete state is in the kernel.",
	       report->ready);
}

static void tell_source(FILE *to, const struct report *report)
{
	const struct source_status *source = &report->source;

	family(to, "weft_source_info", "gauge", "1, with the kind of source that services come from.");
	labelled(to, "weft_source_info", "kind", source->kind, 1);
	number(to, "weft_source_complete", "gauge", "Whether all that the source has was readable once.",
	       source->complete);
	number(to, "weft_source_healthy", "gauge", "Whether nothing is wrong with the source now.",
	       !*source->wrong.text);
	number(to, "weft_source_events_total", "counter",
	       "News of the source: files read, events of watches.", source->events);
	family(to, "weft_source_last_event_timestamp_seconds", "gauge",
	       "When the last news of the source came; 0 if none did.");
	fprintf(to, "weft_source_last_event_timestamp_seconds %.3f\n",
		source->last_event_ns ? (double)clock_wall_ms(source->last_event_ns) / 1000 : 0);
	family(to, "weft_source_errors_total", "counter", "What went wrong with the source.");
	for (int i = 0; i < SOURCE_ERRORS; i++)
		labelled(to, "weft_source_errors_total", "kind", source_error_name(i), source->errors[i]);
	family(to, "weft_source_objects", "gauge", "Objects of the source that are in force.");
	for (int i = 0; i < OBJECT_KINDS; i++)
		labelled(to, "weft_source_objects", "kind", object_kind_name(i), report->objects[i]);
}

static void tell_kernel(FILE *to, const struct report *report)
{
	family(to, "weft_map_rows", "gauge", "Rows in force of the maps that the agent fills.");
	for (size_t i = 0; i < report->n_tables; i++)
		labelled(to, "weft_map_rows", "map", report->tables[i].map, report->tables[i].rows);
	family(to, "weft_map_rows_max", "gauge", "Rows for which a map has room.");
	for (size_t i = 0; i < report->n_tables; i++) {
		if (report->tables[i].most)
			labelled(to, "weft_map_rows_max", "map", report->tables[i].map,
				 report->tables[i].most);
	}
	family(to, "weft_map_changes_total", "counter", "Rows that were put into maps or deleted there.");
	labelled(to, "weft_map_changes_total", "operation", "put", report->puts);
	labelled(to, "weft_map_changes_total", "operation", "delete", report->deletes);
	number(to, "weft_map_errors_total", "counter", "Times that the kernel did not take a change.",
	       report->kernel_errors);
}

/* The names under which every Prometheus client library has them. */
static void tell_process(FILE *to)
{
	struct process process;

	process_look(&process);
	real(to, "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.",
	     process.cpu_s);
	number(to, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
	       process.resident_bytes);
	number(to, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
	       process.virtual_bytes);
	number(to, "process_open_fds", "gauge", "Number of open file descriptors.", process.open_fds);
	number(to, "process_max_fds", "gauge", "Maximum number of open file descriptors.", process.max_fds);
	real(to, "process_start_time_seconds", "gauge",
	     "Start time of the process since unix epoch in seconds.", process.started_s);
}

char *report_metrics(const struct report *report)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	tell_build(to, report);
	tell_source(to, report);
	tell_kernel(to, report);
	tell_process(to);
	if (!fclose(to))
		return text;
	free(text);
	return NULL;
}
