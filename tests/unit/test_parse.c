/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files to objects: every file under data/good and data/bad against what stands beside it. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "dump.h"

enum {
	PATH_SIZE = 512,
};

static enum tree_format format_of(const char *name)
{
	return strstr(name, ".json") ? TREE_JSON : TREE_YAML;
}

/* Parses data/KIND/NAME; what comes of it is compared with NAME.SUFFIX beside it. */
static void compare(const char *kind, const char *name, const char *suffix)
{
	_cleanup_(parsed_done) struct parsed parsed = { 0 };
	_cleanup_(freep) char *text = NULL, *expected = NULL, *actual = NULL;
	char path[PATH_SIZE], beside[PATH_SIZE + 8];
	struct why why = { "" };
	size_t size, length;
	FILE *out;
	int error;

	snprintf(path, sizeof(path), TEST_DATA "/%s/%s", kind, name);
	snprintf(beside, sizeof(beside), "%s%s", path, suffix);
	text = load_file(path, &size);
	expected = load_file(beside, NULL);
	error = parse_text(name, format_of(name), text, size, &why, &parsed);
	out = open_memstream(&actual, &length);
	if (error)
		fprintf(out, "%s\n", why.text);
	else
		dump_parsed(&parsed, out);
	fclose(out);
	cr_expect_eq(error, strcmp(kind, "bad") ? 0 : -EINVAL, "%s: returned %d", path, error);
	cr_expect_str_eq(actual, expected, "%s:\n%sexpected:\n%s", path, actual, expected);
}

static void compare_all(const char *kind, const char *suffix)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_SIZE];
	size_t count = 0;

	snprintf(path, sizeof(path), TEST_DATA "/%s", kind);
	dir = opendir(path);
	cr_assert_not_null(dir, "%s is missing; tests run from the root of the repository", path);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".json"))) {
			compare(kind, entry->d_name, suffix);
			count++;
		}
	}
	cr_assert_gt(count, 0);
}

Test(parse, good_files)
{
	compare_all("good", ".out");
}

Test(parse, bad_files)
{
	compare_all("bad", ".err");
}

static void assert_same(const char *yaml_path, const char *json_path)
{
	_cleanup_(parsed_done) struct parsed yaml = { 0 };
	_cleanup_(parsed_done) struct parsed json = { 0 };
	_cleanup_(freep) char *yaml_text = NULL, *json_text = NULL;
	size_t yaml_size, json_size;

	yaml_text = load_file(yaml_path, &yaml_size);
	json_text = load_file(json_path, &json_size);
	cr_assert_eq(parse_text("a", TREE_YAML, yaml_text, yaml_size, NULL, &yaml), 0);
	cr_assert_eq(parse_text("b", TREE_JSON, json_text, json_size, NULL, &json), 0);
	cr_assert_gt(yaml.objects.count, 0);
	cr_assert_eq(yaml.objects.count, json.objects.count);
	for (size_t i = 0; i < yaml.objects.count; i++)
		cr_assert(object_equal(&yaml.objects.items[i], &json.objects.items[i]), "object %zu", i);
}

Test(parse, yaml_and_json_mean_the_same)
{
	assert_same(TEST_DATA "/good/kubectl.yaml", TEST_DATA "/good/kubectl.json");
	assert_same(TEST_DATA "/good/routes.yaml", TEST_DATA "/good/routes.json");
}

Test(parse, failure_leaves_the_output_alone)
{
	static const char text[] = "kind: Service\n";
	struct parsed parsed = { .objects.count = 7 };

	cr_assert_eq(parse_text("a", TREE_YAML, text, strlen(text), NULL, &parsed), -EINVAL);
	cr_assert_eq(parsed.objects.count, 7);
}

/* Whatever stands in a file, it is read or refused: every beginning of a good file, and with each byte changed. */
static void survive(const char *path, enum tree_format format)
{
	static const char bytes[] = { '\0', '\t', '"', '{', ']', ':', '&', '*', '-', '\xff' };
	_cleanup_(freep) char *text = NULL;
	size_t size;

	text = load_file(path, &size);
	for (size_t i = 0; i < size; i += 7) {
		struct parsed parsed = { 0 };
		char kept = text[i];

		parse_text("f", format, text, i, NULL, &parsed);
		parsed_done(&parsed);
		text[i] = bytes[(i / 7) % sizeof(bytes)];
		parse_text("f", format, text, size, NULL, &parsed);
		parsed_done(&parsed);
		text[i] = kept;
	}
}

Test(parse, survives_damage)
{
	survive(TEST_DATA "/good/kubectl.yaml", TREE_YAML);
	survive(TEST_DATA "/good/kinds.yaml", TREE_YAML);
	survive(TEST_DATA "/good/anchors.yaml", TREE_YAML);
	survive(TEST_DATA "/good/kubectl.json", TREE_JSON);
	survive(TEST_DATA "/good/routes.yaml", TREE_YAML);
	survive(TEST_DATA "/good/routes.json", TREE_JSON);
	survive(TEST_DATA "/good/slices_v1beta1.yaml", TREE_YAML);
}
