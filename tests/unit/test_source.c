/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "source/source.h"

static void on_changed(void *arg _unused_)
{
}

static void on_say(void *arg _unused_, bool bad _unused_, const char *line _unused_)
{
}

/* None of these begins to watch. */
static int try_source(const char *spec, struct why *why)
{
	const struct source_events events = { NULL, on_changed, on_say };
	const struct source_options none = { 0 };
	struct source *source = NULL;
	struct model *model;
	uv_loop_t loop;
	int error;

	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(model_new(&model), 0);
	*why = (struct why){ "" };
	error = source_open(spec, &none, &loop, model, &events, why, &source);
	cr_expect_null(source);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&loop), 0, "%s leaves something in the loop", spec);
	model_free(model);
	return error;
}

Test(source, a_spec_is_a_kind_and_a_place)
{
	static const char *const wrong[] = { "dns:x", "file", "file:", "kubernetes:",
					     "kube",  "",     ":",     "files:/tmp" };
	struct why why;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		cr_expect_eq(try_source(wrong[i], &why), -EINVAL, "%s", wrong[i]);
		cr_expect(strstr(why.text,
				 "is not a source; known are: file:DIR, kubernetes, kubernetes:KUBECONFIG"),
			  "%s", why.text);
	}
}

Test(source, a_place_that_is_not_there_is_named)
{
	struct why why;

	cr_expect_eq(try_source("file:/nowhere/at/all", &why), -ENOENT);
	cr_expect_str_eq(why.text, "cannot watch /nowhere/at/all: No such file or directory");
	cr_expect_eq(try_source("file:/dev/null", &why), -ENOTDIR);
	cr_expect_eq(try_source("kubernetes:/nowhere/at/all", &why), -ENOENT);
	cr_expect_str_eq(why.text, "/nowhere/at/all: cannot be read: No such file or directory");
}
