/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Origins come and go: which services become dirty, who is in force. */
#include <string.h>

#include <criterion/criterion.h>

#include "model/model.h"

struct complaints {
	size_t count;
	char last[256];
};

static void on_complaint(void *arg, const char *sentence)
{
	struct complaints *complaints = arg;

	complaints->count++;
	snprintf(complaints->last, sizeof(complaints->last), "%s", sentence);
}

static struct object *add(struct objects *list, enum object_kind kind, const char *name)
{
	struct object *object = objects_add(list);

	object->kind = kind;
	object->namespace = strdup(kind == OBJECT_NODE ? "" : "default");
	object->name = strdup(name);
	object->place = strdup("somewhere:1");
	return object;
}

static void add_service(struct objects *list, const char *name, uint16_t port)
{
	struct service *service = &add(list, OBJECT_SERVICE, name)->service;

	service->ports = calloc(1, sizeof(*service->ports));
	service->ports[0] = (struct service_port){ .name = strdup(""), .port = port, .protocol = 6 };
	service->n_ports = 1;
}

static void add_slice(struct objects *list, const char *name, const char *service, uint32_t weight)
{
	struct slice *slice = &add(list, OBJECT_SLICE, name)->slice;

	slice->service = strdup(service);
	slice->weight = weight;
}

static void add_node(struct objects *list, const char *name, const char *zone)
{
	add(list, OBJECT_NODE, name)->node.zone = strdup(zone);
}

static size_t replace(struct model *model, const char *origin, struct objects *objects)
{
	struct complaints complaints = { 0 };

	cr_assert_eq(model_replace(model, origin, objects, on_complaint, &complaints), 0);
	cr_assert_eq(objects->count, 0);
	return complaints.count;
}

/* Takes all dirty services and names them, in order: "a b ". */
static const char *dirty(struct model *model, char text[256])
{
	struct model_service service;

	text[0] = '\0';
	while (model_next_dirty(model, &service)) {
		strcat(text, service.name);
		strcat(text, service.service || service.n_slices ? " " : "- ");
	}
	return text;
}

static struct model *fresh(void)
{
	struct model *model = NULL;

	cr_assert_eq(model_new(&model), 0);
	return model;
}

Test(model, only_what_changed_is_dirty)
{
	struct model *model = fresh();
	struct objects list = { 0 };
	char text[256];

	add_service(&list, "a", 80);
	add_service(&list, "b", 80);
	add_slice(&list, "b-1", "b", 1);
	add_slice(&list, "c-1", "c", 1);
	replace(model, "x", &list);
	cr_expect_str_eq(dirty(model, text), "a b c ");

	add_service(&list, "a", 80);
	add_slice(&list, "c-1", "c", 1);
	add_service(&list, "b", 80);
	add_slice(&list, "b-1", "b", 2);
	replace(model, "x", &list);
	cr_expect_str_eq(dirty(model, text), "b ");

	add_service(&list, "b", 80);
	add_slice(&list, "b-1", "b", 2);
	replace(model, "x", &list);
	cr_expect_str_eq(dirty(model, text), "a- c- ");

	add_service(&list, "other", 80);
	replace(model, "y", &list);
	cr_expect_str_eq(dirty(model, text), "other ");
	replace(model, "y", &list);
	cr_expect_str_eq(dirty(model, text), "other- ");
	replace(model, "never", &list);
	cr_expect_str_eq(dirty(model, text), "");
	model_free(model);
}

Test(model, slice_that_moves_to_another_service)
{
	struct model *model = fresh();
	struct objects list = { 0 };
	struct model_service service;
	char text[256];

	add_slice(&list, "s-2", "a", 1);
	add_slice(&list, "s-1", "a", 1);
	add_slice(&list, "s-3", "a", 1);
	replace(model, "x", &list);
	cr_assert(model_find(model, "default", "a", &service));
	cr_expect_eq(service.n_slices, 3);
	for (size_t i = 0; i < 3; i++)
		cr_expect_eq(service.slices[i]->name[2], (char)('1' + i));
	dirty(model, text);
	add_slice(&list, "s-2", "b", 1);
	add_slice(&list, "s-1", "a", 1);
	add_slice(&list, "s-3", "", 1);
	replace(model, "x", &list);
	cr_expect_str_eq(dirty(model, text), "a b ");
	cr_assert(model_find(model, "default", "a", &service));
	cr_expect_eq(service.n_slices, 1);
	cr_assert(model_find(model, "default", "b", &service));
	cr_expect_eq(service.n_slices, 1);
	cr_expect_null(service.service);
	model_free(model);
}

Test(model, second_origin_waits)
{
	struct complaints complaints = { 0 };
	struct model *model = fresh();
	struct objects list = { 0 };
	struct model_service service;
	char text[256];

	add_service(&list, "a", 80);
	replace(model, "x", &list);
	dirty(model, text);
	add_service(&list, "a", 81);
	cr_assert_eq(model_replace(model, "y", &list, on_complaint, &complaints), 0);
	cr_expect_eq(complaints.count, 1);
	cr_expect_str_eq(
		complaints.last,
		"somewhere:1: Service default/a stands at somewhere:1 already; this one is not taken");
	cr_expect_str_eq(dirty(model, text), "");

	/* It was told of, and is not again while it waits. */
	add_service(&list, "a", 82);
	cr_expect_eq(replace(model, "y", &list), 0);
	cr_expect_str_eq(dirty(model, text), "");

	replace(model, "x", &list);
	cr_expect_str_eq(dirty(model, text), "a ");
	cr_assert(model_find(model, "default", "a", &service));
	cr_expect_eq(service.service->service.ports[0].port, 82);

	add_service(&list, "a", 80);
	cr_expect_eq(replace(model, "x", &list), 1);
	cr_expect_str_eq(dirty(model, text), "");
	replace(model, "y", &list);
	cr_expect_str_eq(dirty(model, text), "a ");
	replace(model, "x", &list);
	cr_expect_str_eq(dirty(model, text), "a- ");
	cr_expect_not(model_find(model, "default", "a", &service));
	model_free(model);
}

Test(model, the_same_from_another_origin_changes_nothing)
{
	struct model *model = fresh();
	struct objects list = { 0 };
	char text[256];

	add_service(&list, "a", 80);
	replace(model, "x", &list);
	dirty(model, text);
	add_service(&list, "a", 80);
	replace(model, "y", &list);
	replace(model, "x", &list);
	cr_expect_str_eq(dirty(model, text), "");
	model_free(model);
}

Test(model, twice_in_one_origin)
{
	struct model *model = fresh();
	struct objects list = { 0 };
	struct model_service service;

	add_service(&list, "a", 80);
	add_service(&list, "a", 81);
	cr_expect_eq(replace(model, "x", &list), 1);
	cr_assert(model_find(model, "default", "a", &service));
	cr_expect_eq(service.service->service.ports[0].port, 80);
	add_service(&list, "a", 81);
	cr_expect_eq(replace(model, "x", &list), 0);
	cr_assert(model_find(model, "default", "a", &service));
	cr_expect_eq(service.service->service.ports[0].port, 81);
	model_free(model);
}

Test(model, zones_of_nodes)
{
	struct model *model = fresh();
	struct objects list = { 0 };
	char text[256];

	add_service(&list, "a", 80);
	add_slice(&list, "b-1", "b", 1);
	replace(model, "x", &list);
	dirty(model, text);
	cr_expect_str_eq(model_zone(model, "n"), "");
	add_node(&list, "n", "");
	replace(model, "nodes", &list);
	cr_expect_str_eq(dirty(model, text), "");
	add_node(&list, "n", "west");
	replace(model, "nodes", &list);
	cr_expect_str_eq(model_zone(model, "n"), "west");
	cr_expect_str_eq(dirty(model, text), "a b ");
	add_node(&list, "n", "west");
	add_node(&list, "m", "");
	replace(model, "nodes", &list);
	cr_expect_str_eq(dirty(model, text), "");
	replace(model, "nodes", &list);
	cr_expect_str_eq(model_zone(model, "n"), "");
	cr_expect_str_eq(dirty(model, text), "a b ");
	model_free(model);
}

static int collect(void *arg, const struct model_service *service)
{
	strcat(arg, service->name);
	return !strcmp(service->name, "c");
}

Test(model, each_in_order)
{
	struct model *model = fresh();
	struct objects list = { 0 };
	char text[256] = "";

	add_service(&list, "d", 80);
	add_service(&list, "b", 80);
	add_slice(&list, "s", "a", 1);
	replace(model, "x", &list);
	cr_expect_eq(model_each(model, collect, text), 0);
	cr_expect_str_eq(text, "abd");
	add_service(&list, "c", 80);
	replace(model, "y", &list);
	text[0] = '\0';
	cr_expect_eq(model_each(model, collect, text), 1);
	cr_expect_str_eq(text, "abc");
	dirty(model, text);
	model_mark_all_dirty(model);
	model_mark_all_dirty(model);
	cr_expect_str_eq(dirty(model, text), "a b c d ");
	model_free(model);
}

Test(model, gone_and_back_before_it_was_looked_at)
{
	struct model *model = fresh();
	struct objects list = { 0 };
	struct model_service service;
	char text[256];

	add_service(&list, "a", 80);
	replace(model, "x", &list);
	replace(model, "x", &list);
	cr_expect_not(model_find(model, "default", "a", &service));
	add_service(&list, "a", 80);
	replace(model, "x", &list);
	cr_expect_str_eq(dirty(model, text), "a ");
	replace(model, "x", &list);
	cr_assert(model_next_dirty(model, &service));
	cr_expect_str_eq(service.name, "a");
	cr_expect_null(service.service);
	model_free(model);
}
