/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this node's weft is doing, a line for each thing. */
#include "cmd/get_status.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <yyjson.h>

#include "kern/probe.h"
#include "kern/splice.h"
#include "kern/status.h"
#include "serve/ask.h"

const struct column status_columns[STATUS_COLUMNS] = {
	{ "NAME", "name", CELL_TEXT, COLUMN_ALWAYS },
	{ "VALUE", "value", CELL_TEXT, COLUMN_ALWAYS },
	{ "MOST", "most", CELL_NUMBER, COLUMN_ALWAYS },
	{ "DETAIL", "detail", CELL_TEXT, COLUMN_ALWAYS },
};

struct filling {
	const struct cli *cli;
	struct sheet *sheet;
};

/* `most` zero: the value has no bound. */
static void add(const struct filling *filling, const char *name, const char *value, uint64_t most,
		const char *detail)
{
	if (filling->cli->n_words > 1 && strcmp(filling->cli->words[1], name))
		return;
	sheet_text(filling->sheet, name);
	sheet_text(filling->sheet, value);
	if (most)
		sheet_number(filling->sheet, most);
	else
		sheet_null(filling->sheet);
	sheet_text(filling->sheet, detail);
}

static void add_loaded(const struct filling *filling, const struct kern_status *status)
{
	time_t time = status->loaded_s;
	char text[32] = "";
	struct tm parts;

	if (time && gmtime_r(&time, &parts))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	add(filling, "loaded", text, 0, "");
	add(filling, "attached", status->attached ? "yes" : "no", 0,
	    status->attached ? "" : "the cgroup is gone; 'weft load' attaches to another one");
	add(filling, "version", status->meta.version, 0, "");
	snprintf(text, sizeof(text), "%u", status->meta.abi);
	add(filling, "abi", text, 0, "");
}

static void add_agent(const struct filling *filling, const struct kern_status *status)
{
	char detail[64];

	snprintf(detail, sizeof(detail), "process id %u", status->at_work);
	add(filling, "agent", status->at_work ? "running" : "not running", 0,
	    status->at_work ? detail : "traffic goes on as it last was; changes are not followed");
}

static const char *text_of(yyjson_val *object, const char *key)
{
	const char *text = yyjson_get_str(yyjson_obj_get(object, key));

	return text ? text : "";
}

static uint64_t sum_of(yyjson_val *object)
{
	uint64_t sum = 0;
	size_t i, count;
	yyjson_val *key, *value;

	yyjson_obj_foreach(object, i, count, key, value) sum += yyjson_get_uint(value);
	return sum;
}

static void add_count(const struct filling *filling, const char *name, uint64_t count)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, count);
	add(filling, name, text, 0, "");
}

/* What the agent says of itself. */
static void add_report(const struct filling *filling, yyjson_val *report)
{
	yyjson_val *source = yyjson_obj_get(report, "source"), *kernel = yyjson_obj_get(report, "kernel");
	bool ready = yyjson_get_bool(yyjson_obj_get(report, "ready"));
	bool complete = yyjson_get_bool(yyjson_obj_get(source, "complete"));

	add(filling, "ready", ready ? "yes" : "no", 0,
	    *text_of(kernel, "wrong") ? text_of(kernel, "wrong")
	    : ready		      ? ""
				      : "the first complete state is not in the kernel yet");
	add(filling, "source", text_of(source, "kind"), 0, text_of(source, "wrong"));
	add(filling, "source.complete", complete ? "yes" : "no", 0,
	    complete ? "" : "rows of what was not read yet stay as they are");
	add(filling, "source.last_event", text_of(source, "last_event"), 0, "");
	add_count(filling, "source.objects", sum_of(yyjson_obj_get(source, "objects")));
	add_count(filling, "source.errors", sum_of(yyjson_obj_get(source, "errors")));
}

static void free_doc(yyjson_doc **doc)
{
	yyjson_doc_free(*doc);
}

/* Only the agent knows how its source is doing; all else is read from the kernel. */
static void add_source(const struct filling *filling, const struct kern *kern, bool at_work)
{
	_cleanup_(free_doc) yyjson_doc *doc = NULL;
	_cleanup_(freep) char *text = NULL;
	struct why why = { "" };

	if (at_work && !ask_status(kern->dir, &text, &why)) {
		doc = yyjson_read(text, strlen(text), YYJSON_READ_ALLOW_INVALID_UNICODE);
		if (!doc)
			why_set(&why, 0, "the agent answers, but not with JSON");
	}
	if (doc)
		add_report(filling, yyjson_doc_get_root(doc));
	else
		add(filling, "source", "not known", 0, at_work ? why.text : "no agent is at work");
}

static void add_features(const struct filling *filling, const struct kern_status *status)
{
	char name[64];

	for (int i = 0; i < FEATURE_COUNT; i++) {
		struct feature_state feature = feature_describe(i);
		bool on = status->meta.features >> i & 1;

		snprintf(name, sizeof(name), "feature.%s", feature.name);
		add(filling, name, on ? "on" : "off", 0, on ? "" : feature.effect);
	}
}

static int add_splice(const struct filling *filling, const struct kern *kern)
{
	uint64_t off = 0;
	int error = kern_splicing_read(kern, SPLICING_OFF, &off);

	if (!error)
		add(filling, "splice", off ? "off" : "on", 0,
		    off ? "switched off on this node: 'weft splice on'" : "");
	return error;
}

static void add_map(void *arg, const char *name, uint64_t rows, uint64_t most)
{
	char title[64], value[24];

	snprintf(title, sizeof(title), "map.%s", name);
	snprintf(value, sizeof(value), "%" PRIu64, rows);
	add(arg, title, value, most, rows >= most ? "full" : "");
}

int fill_status(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why)
{
	struct filling filling = { cli, sheet };
	struct kern_status status;
	int error = kern_status(kern, &status, why);

	if (error)
		return error;
	add_loaded(&filling, &status);
	add_agent(&filling, &status);
	add_source(&filling, kern, status.at_work);
	add_features(&filling, &status);
	error = add_splice(&filling, kern);
	return error ? error : kern_each_map(kern, add_map, &filling, why);
}
