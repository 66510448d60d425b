/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the directory source says of how it is doing. */
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/text.h"
#include "source/source.h"

enum {
	LONG_MS = 5000,
};

struct world {
	char dir[64];
	uv_loop_t loop;
	struct model *model;
	struct source *source;
	struct source_status status;
};

static void begin(struct world *w)
{
	const struct source_events events = { 0 };
	_cleanup_(freep) char *spec = NULL;

	memset(w, 0, sizeof(*w));
	/* What mkdtemp() asks for. */
	strcpy(w->dir, "/tmp/weft-unit-");
	memset(w->dir + strlen(w->dir), 'X', 6);
	cr_assert_not_null(mkdtemp(w->dir));
	spec = text_format("file:%s", w->dir);
	cr_assert_eq(uv_loop_init(&w->loop), 0);
	cr_assert_eq(model_new(&w->model), 0);
	cr_assert_eq(source_open(spec, &(struct source_options){ 0 }, &w->loop, w->model, &events, NULL,
				 &w->source),
		     0);
}

static void end(struct world *w)
{
	_cleanup_(freep) char *command = text_format("rm -rf %s", w->dir);

	source_close(w->source);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	cr_assert_eq(uv_loop_close(&w->loop), 0);
	model_free(w->model);
	cr_assert_eq(system(command), 0);
}

static void write_file(struct world *w, const char *name, const char *text)
{
	_cleanup_(freep) char *path = text_format("%s/%s", w->dir, name);
	FILE *file = fopen(path, "we");

	cr_assert_not_null(file, "%s", path);
	fputs(text, file);
	fclose(file);
}

static void write_service(struct world *w, const char *file, const char *name)
{
	_cleanup_(freep) char *text = text_format("apiVersion: v1\nkind: Service\nmetadata: {name: %s}\n"
						  "spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}\n",
						  name);

	write_file(w, file, text);
}

static uint64_t count_errors(const struct source_status *status)
{
	uint64_t sum = 0;

	for (int i = 0; i < SOURCE_ERRORS; i++)
		sum += status->errors[i];
	return sum;
}

/* Until so many errors were counted and so many services are in force. */
static void await(struct world *w, uint64_t errors, size_t services)
{
	uint64_t until_ns = clock_now_ns() + LONG_MS * NS_PER_MS;

	do {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(1000);
		source_status(w->source, &w->status);
	} while ((count_errors(&w->status) != errors || model_count(w->model, OBJECT_SERVICE) != services) &&
		 clock_now_ns() < until_ns);
	cr_assert_eq(count_errors(&w->status), errors);
	cr_assert_eq(model_count(w->model, OBJECT_SERVICE), services);
}

Test(source_status, of_a_directory)
{
	uint64_t events, last_event_ns;
	struct world w;

	begin(&w);
	source_status(w.source, &w.status);
	cr_expect_str_eq(w.status.kind, "file");
	cr_expect(w.status.complete && !w.status.events && !w.status.last_event_ns && !*w.status.wrong.text);
	write_service(&w, "a.yaml", "a");
	write_file(&w, "b.yaml", "kind: [");
	await(&w, 1, 1);
	cr_expect_not(w.status.complete);
	cr_expect_eq(w.status.errors[SOURCE_ERROR_PARSE], 1);
	cr_expect(strstr(w.status.wrong.text, "/b.yaml:"), "%s", w.status.wrong.text);
	events = w.status.events;
	last_event_ns = w.status.last_event_ns;
	write_service(&w, "b.yaml", "b");
	await(&w, 1, 2);
	cr_expect(w.status.complete);
	cr_expect_gt(w.status.events, events);
	cr_expect_gt(w.status.last_event_ns, last_event_ns);
	cr_expect_str_eq(w.status.wrong.text, "");
	end(&w);
}

Test(source_status, of_several_errors_the_first_by_name)
{
	struct world w;

	begin(&w);
	write_file(&w, "b.yaml", "kind: [");
	await(&w, 1, 0);
	write_file(&w, "a.yaml", "kind: [");
	await(&w, 2, 0);
	cr_expect(strstr(w.status.wrong.text, "/a.yaml:") && strstr(w.status.wrong.text, " (and 1 more "),
		  "%s", w.status.wrong.text);
	end(&w);
}

Test(source_status, of_an_object_that_stands_elsewhere)
{
	struct world w;

	begin(&w);
	write_service(&w, "a.yaml", "a");
	await(&w, 0, 1);
	write_service(&w, "b.yaml", "a");
	await(&w, 1, 1);
	cr_expect_eq(w.status.errors[SOURCE_ERROR_DUPLICATE], 1);
	end(&w);
}

Test(source_status, of_a_directory_that_is_gone)
{
	_cleanup_(freep) char *command = NULL;
	struct world w;

	begin(&w);
	write_service(&w, "a.yaml", "a");
	await(&w, 0, 1);
	command = text_format("rm -rf %s", w.dir);
	cr_assert_eq(system(command), 0);
	await(&w, 1, 1);
	cr_expect_eq(w.status.errors[SOURCE_ERROR_READ], 1);
	cr_expect(strstr(w.status.wrong.text, ": the directory is gone"), "%s", w.status.wrong.text);
	end(&w);
}
