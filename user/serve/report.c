/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The report as JSON, and as the words of a probe. */
#include "serve/report.h"

#include <unistd.h>

#include <yyjson.h>

#include "base/clock.h"
#include "base/text.h"

static yyjson_mut_val *source_json(yyjson_mut_doc *doc, const struct report *report)
{
	const struct source_status *source = &report->source;
	yyjson_mut_val *object = yyjson_mut_obj(doc), *objects = yyjson_mut_obj(doc);
	yyjson_mut_val *errors = yyjson_mut_obj(doc);
	char text[CLOCK_TEXT];

	yyjson_mut_obj_add_str(doc, object, "kind", source->kind);
	yyjson_mut_obj_add_bool(doc, object, "complete", source->complete);
	yyjson_mut_obj_add_uint(doc, object, "events", source->events);
	/* To the second: read from another clock, it differs by less each time. */
	if (source->last_event_ns)
		yyjson_mut_obj_add_strcpy(
			doc, object, "last_event",
			clock_print(clock_wall_ms(source->last_event_ns) / 1000 * 1000, text));
	else
		yyjson_mut_obj_add_null(doc, object, "last_event");
	yyjson_mut_obj_add_strcpy(doc, object, "wrong", source->wrong.text);
	for (int i = 0; i < OBJECT_KINDS; i++)
		yyjson_mut_obj_add_uint(doc, objects, object_kind_name(i), report->objects[i]);
	yyjson_mut_obj_add_val(doc, object, "objects", objects);
	for (int i = 0; i < SOURCE_ERRORS; i++)
		yyjson_mut_obj_add_uint(doc, errors, source_error_name(i), source->errors[i]);
	yyjson_mut_obj_add_val(doc, object, "errors", errors);
	return object;
}

static yyjson_mut_val *kernel_json(yyjson_mut_doc *doc, const struct report *report)
{
	yyjson_mut_val *object = yyjson_mut_obj(doc);

	yyjson_mut_obj_add_uint(doc, object, "puts", report->puts);
	yyjson_mut_obj_add_uint(doc, object, "deletes", report->deletes);
	yyjson_mut_obj_add_uint(doc, object, "errors", report->kernel_errors);
	yyjson_mut_obj_add_strcpy(doc, object, "wrong", report->kernel_wrong.text);
	return object;
}

char *report_json(const struct report *report)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	char *text;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "version", report->version);
	yyjson_mut_obj_add_uint(doc, root, "abi", report->abi);
	yyjson_mut_obj_add_int(doc, root, "pid", getpid());
	yyjson_mut_obj_add_bool(doc, root, "ready", report->ready);
	yyjson_mut_obj_add_val(doc, root, "source", source_json(doc, report));
	yyjson_mut_obj_add_val(doc, root, "kernel", kernel_json(doc, report));
	/* What a file or a server said may be no UTF-8. */
	text = yyjson_mut_write(doc, YYJSON_WRITE_ALLOW_INVALID_UNICODE, NULL);
	yyjson_mut_doc_free(doc);
	return text;
}

char *report_readiness(const struct report *report)
{
	const char *source = report->source.wrong.text, *kernel = report->kernel_wrong.text;
	const char *state = "ready";

	if (!report->ready)
		state = report->source.complete
				? "not ready: the first complete state is not in the kernel yet"
				: "not ready: not all that the source has was read yet";
	return text_format("%s\n%s%s%s%s%s%s", state, *source ? "source: " : "", source, *source ? "\n" : "",
			   *kernel ? "kernel: " : "", kernel, *kernel ? "\n" : "");
}
