/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One watch for each kind (and namespace); each object is an origin of the model. */
#include "source/kubernetes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <xxhash.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/text.h"
#include "cluster/watch.h"
#include "source/kubeconfig.h"
#include "source/parse.h"

enum {
	MAX_NAMESPACES = 64,
	MAX_KEY = 512,
};

static const char *const core[] = { "/api/v1", NULL };
static const char *const discovery[] = { "/apis/discovery.k8s.io/v1", "/apis/discovery.k8s.io/v1beta1",
					 NULL };
static const char *const routes[] = { "/apis/gateway.networking.k8s.io/v1",
				      "/apis/gateway.networking.k8s.io/v1alpha2", NULL };
static const char *const grants[] = { "/apis/gateway.networking.k8s.io/v1",
				      "/apis/gateway.networking.k8s.io/v1beta1", NULL };

static const struct {
	struct watch_what what;
	bool cluster_wide;
	bool selected; /* its objects bear the labels of their service */
} kinds[] = {
	{ { .kind = "Service", .list_kind = "ServiceList", .plural = "services", .apis = core },
	  false,
	  true },
	{ { .kind = "EndpointSlice",
	    .list_kind = "EndpointSliceList",
	    .plural = "endpointslices",
	    .apis = discovery },
	  false,
	  true },
	{ { .kind = "Node", .list_kind = "NodeList", .plural = "nodes", .apis = core }, true, false },
	{ { .kind = "TCPRoute",
	    .list_kind = "TCPRouteList",
	    .plural = "tcproutes",
	    .apis = routes,
	    .optional = true },
	  false,
	  false },
	{ { .kind = "ReferenceGrant",
	    .list_kind = "ReferenceGrantList",
	    .plural = "referencegrants",
	    .apis = grants,
	    .optional = true },
	  false,
	  false },
};

/* An object that the server has told of. */
struct known {
	uint64_t version;    /* its resourceVersion, if that is a number; zero: not */
	uint64_t said;	     /* hash of what the operator was told of it */
	uint32_t generation; /* of the list that named it */
	bool wrong;
	UT_hash_handle hh;
	char key[]; /* "namespace/name" */
};

struct kind {
	struct kubernetes *source;
	struct watch_what what;
	struct watch *watch;
	struct known *known;
	uint32_t generation;
	bool listed;	/* once, as a whole */
	struct why why; /* what is wrong now; "": nothing */
};

struct kubernetes {
	struct source source;
	struct model *model;
	struct source_events events;
	struct access access;
	struct client *client;
	char *namespaces; /* cut into strings */
	char *labels;
	struct kind *kinds;
	size_t n_kinds, n_listed;
	uint64_t last_event_ns, n_events;
	uint64_t errors[SOURCE_ERRORS];
	size_t n_wrong; /* objects */
};

static void say(struct kubernetes *s, bool bad, const char *format, ...) _printf_(3, 4);
static void say(struct kubernetes *s, bool bad, const char *format, ...)
{
	struct why line;
	va_list args;

	va_start(args, format);
	vsnprintf(line.text, sizeof(line.text), format, args);
	va_end(args);
	s->events.say(s->events.arg, bad, line.text);
}

static bool has_begun(const struct source *source)
{
	const struct kubernetes *s = (const struct kubernetes *)source;

	return s->n_listed == s->n_kinds;
}

static void changed(struct kubernetes *s)
{
	if (has_begun(&s->source))
		s->events.changed(s->events.arg);
}

/* ---- objects ---- */

/* "namespace/name", or "name" of what has no namespace; false if there is none, or it is absurd. */
static bool print_key(yyjson_val *object, char key[MAX_KEY])
{
	const char *namespace = object_metadata(object, "namespace"), *name = object_metadata(object, "name");
	int length = snprintf(key, MAX_KEY, "%s%s%s", namespace, *namespace ? "/" : "", name);

	return *name && length > 0 && length < MAX_KEY;
}

static struct known *find_known(const struct kind *kind, const char *key)
{
	struct known *known;

	HASH_FIND_STR(kind->known, key, known);
	return known;
}

static struct known *add_known(struct kind *kind, const char *key)
{
	size_t length = strlen(key);
	struct known *known = calloc(1, sizeof(*known) + length + 1);

	if (!known)
		return NULL;
	memcpy(known->key, key, length);
	HASH_ADD_STR(kind->known, key, known);
	return known;
}

static void print_origin(const struct kind *kind, const char *key, char *text, size_t size)
{
	snprintf(text, size, "kubernetes: %s %s", kind->what.kind, key);
}

static void forget(struct kind *kind, struct known *known)
{
	char origin[MAX_KEY + 64];
	struct objects none = { 0 };

	print_origin(kind, known->key, origin, sizeof(origin));
	/* To forget takes no memory. */
	model_replace(kind->source->model, origin, &none, NULL, NULL);
	kind->source->n_wrong -= known->wrong;
	HASH_DELETE(hh, kind->known, known);
	free(known);
}

/* Once, until something else is to be said. */
static void say_anew(struct kubernetes *s, struct known *known, bool bad, const char *text)
{
	uint64_t hash = XXH3_64bits(text, strlen(text));

	if (known->said != hash)
		say(s, bad, "%s", text);
	known->said = hash;
}

static void say_notices(struct kubernetes *s, struct known *known, const struct notices *notices)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < notices->count; i++)
		hash = XXH3_64bits_withSeed(notices->items[i].text, strlen(notices->items[i].text), hash);
	for (size_t i = 0; i < notices->count && hash != known->said; i++)
		say(s, false, "kubernetes: %s", notices->items[i].text);
	known->said = hash;
}

static void on_complaint(void *arg, const char *sentence)
{
	struct kubernetes *s = arg;

	s->errors[SOURCE_ERROR_DUPLICATE]++;
	say(s, true, "%s", sentence);
}

/* What it said before stays in force. */
static void put_wrong(struct kubernetes *s, struct known *known, enum source_error kind, const char *text)
{
	s->errors[kind]++;
	s->n_wrong += !known->wrong;
	known->wrong = true;
	say_anew(s, known, true, text);
}

static void put_object(struct kind *kind, struct known *known, yyjson_val *object)
{
	_cleanup_(parsed_done) struct parsed parsed = { 0 };
	struct kubernetes *s = kind->source;
	struct why why = { "out of memory" };
	char origin[MAX_KEY + 64];
	int error;

	print_origin(kind, known->key, origin, sizeof(origin));
	error = parse_item(origin, kind->what.list_kind, object, &why, &parsed);
	if (!error)
		error = model_replace(s->model, origin, &parsed.objects, on_complaint, s);
	if (error) {
		put_wrong(s, known, error == -ENOMEM ? SOURCE_ERROR_MEMORY : SOURCE_ERROR_PARSE, why.text);
		return;
	}
	s->n_wrong -= known->wrong;
	known->wrong = false;
	say_notices(s, known, &parsed.notices);
}

/*
 * The versions of an object are numbers that grow (Kubernetes 1.35, and before as etcd has them). What came after its
 * successor says what was.
 */
static uint64_t version_of(yyjson_val *object)
{
	const char *text = object_metadata(object, "resourceVersion");

	return *text && !text[strspn(text, "0123456789")] ? strtoull(text, NULL, 10) : 0;
}

static void came(struct kubernetes *s)
{
	s->n_events++;
	s->last_event_ns = clock_now_ns();
}

static void nameless(struct kind *kind)
{
	kind->source->errors[SOURCE_ERROR_PARSE]++;
	say(kind->source, true, "kubernetes: a %s without a name came", kind->what.kind);
}

static void on_put(void *arg, yyjson_val *object, bool live)
{
	struct kind *kind = arg;
	char key[MAX_KEY];
	struct known *known;
	uint64_t version;

	came(kind->source);
	if (!print_key(object, key)) {
		nameless(kind);
		return;
	}
	known = find_known(kind, key);
	if (!known)
		known = add_known(kind, key);
	if (!known) {
		kind->source->errors[SOURCE_ERROR_MEMORY]++;
		return;
	}
	known->generation = kind->generation;
	version = version_of(object);
	if (live && version && version < known->version)
		return;
	/* The same again, as a new list brings it. */
	if (version && version == known->version && !known->wrong)
		return;
	known->version = version;
	put_object(kind, known, object);
	changed(kind->source);
}

static void on_gone(void *arg, yyjson_val *object)
{
	struct kind *kind = arg;
	char key[MAX_KEY];
	struct known *known = print_key(object, key) ? find_known(kind, key) : NULL;
	uint64_t version = version_of(object);

	came(kind->source);
	if (!known || (version && version < known->version))
		return;
	forget(kind, known);
	changed(kind->source);
}

/* ---- lists ---- */

static void on_list_begins(void *arg)
{
	struct kind *kind = arg;

	kind->generation++;
}

static void on_list_ends(void *arg)
{
	struct kind *kind = arg;
	struct kubernetes *s = kind->source;
	struct known *known, *next;

	HASH_ITER (hh, kind->known, known, next) {
		if (known->generation != kind->generation)
			forget(kind, known);
	}
	s->n_listed += !kind->listed;
	kind->listed = true;
	came(s);
	changed(s);
}

static enum source_error error_of(enum watch_trouble trouble)
{
	switch (trouble) {
	case WATCH_CONNECT:
		return SOURCE_ERROR_CONNECT;
	case WATCH_TIMEOUT:
		return SOURCE_ERROR_TIMEOUT;
	case WATCH_UNAUTHORIZED:
		return SOURCE_ERROR_UNAUTHORIZED;
	case WATCH_FORBIDDEN:
		return SOURCE_ERROR_FORBIDDEN;
	case WATCH_GONE:
		return SOURCE_ERROR_GONE;
	case WATCH_THROTTLED:
		return SOURCE_ERROR_THROTTLED;
	case WATCH_HTTP:
		return SOURCE_ERROR_HTTP;
	case WATCH_NONSENSE:
		return SOURCE_ERROR_PARSE;
	case WATCH_MEMORY:
		break;
	}
	return SOURCE_ERROR_MEMORY;
}

/* Said when it begins and when it becomes something else; it is tried again often. */
static void on_trouble(void *arg, enum watch_trouble trouble, const struct why *why)
{
	struct kind *kind = arg;
	struct kubernetes *s = kind->source;
	struct why line;

	s->errors[error_of(trouble)]++;
	/* That is how watches go on; a list follows. */
	if (trouble == WATCH_GONE && !*kind->why.text)
		return;
	why_set(&line, 0, "kubernetes: %s%s%s: %s", kind->what.plural, kind->what.namespace ? " of " : "",
		kind->what.namespace ? kind->what.namespace : "", why->text);
	if (strcmp(line.text, kind->why.text))
		say(s, true, "%s; what was known stays in force", line.text);
	kind->why = line;
}

static void on_well(void *arg)
{
	struct kind *kind = arg;

	if (!*kind->why.text)
		return;
	kind->why = (struct why){ "" };
	say(kind->source, false, "kubernetes: %s%s%s: well again", kind->what.plural,
	    kind->what.namespace ? " of " : "", kind->what.namespace ? kind->what.namespace : "");
}

/* ---- the source ---- */

static void kubernetes_status(const struct source *source, struct source_status *ret)
{
	const struct kubernetes *s = (const struct kubernetes *)source;
	const struct kind *first = NULL;
	size_t count = 0;

	ret->kind = "kubernetes";
	ret->last_event_ns = s->last_event_ns;
	ret->events = s->n_events;
	memcpy(ret->errors, s->errors, sizeof(ret->errors));
	for (size_t i = 0; i < s->n_kinds; i++) {
		if (!*s->kinds[i].why.text)
			continue;
		count++;
		first = first ? first : &s->kinds[i];
	}
	if (count > 1)
		why_set(&ret->wrong, 0, "%s (and %zu more kinds)", first->why.text, count - 1);
	else if (first)
		ret->wrong = first->why;
	else if (s->n_wrong)
		why_set(&ret->wrong, 0, "%zu objects cannot be read; the log names them", s->n_wrong);
	else if (!has_begun(source))
		why_set(&ret->wrong, 0, "%zu of %zu lists are complete", s->n_listed, s->n_kinds);
}

static void free_all(struct kubernetes *s)
{
	struct known *known, *next;

	for (size_t i = 0; i < s->n_kinds; i++) {
		watch_free(s->kinds[i].watch);
		HASH_ITER (hh, s->kinds[i].known, known, next) {
			HASH_DELETE(hh, s->kinds[i].known, known);
			free(known);
		}
	}
	client_free(s->client);
	access_done(&s->access);
	free(s->namespaces);
	free(s->labels);
	free(s->kinds);
	free(s);
}

static void kubernetes_close(struct source *source)
{
	free_all((struct kubernetes *)source);
}

static const struct source_ops ops = {
	.close = kubernetes_close,
	.complete = has_begun,
	.status = kubernetes_status,
	.has_begun = has_begun,
};

static int add_kind(struct kubernetes *s, const struct watch_what *what, uv_loop_t *loop)
{
	struct kind *kind = &s->kinds[s->n_kinds++];
	const struct watch_events events = {
		.arg = kind,
		.list_begins = on_list_begins,
		.list_ends = on_list_ends,
		.put = on_put,
		.gone = on_gone,
		.trouble = on_trouble,
		.well = on_well,
	};

	kind->source = s;
	kind->what = *what;
	return watch_new(loop, s->client, &kind->what, &events, &kind->watch);
}

static size_t count_namespaces(const char *list)
{
	size_t count = 1;

	for (; *list; list++)
		count += *list == ',';
	return count;
}

/* For each kind one watch, or one for each namespace. */
static int add_kinds(struct kubernetes *s, uv_loop_t *loop, struct why *why)
{
	char *names[MAX_NAMESPACES] = { NULL }, *rest = s->namespaces;
	size_t n_names = 0;
	int error = 0;

	while (rest && n_names < MAX_NAMESPACES)
		names[n_names++] = strsep(&rest, ",");
	s->kinds = calloc(ARRAY_LEN(kinds) * (n_names + 1), sizeof(*s->kinds));
	if (!s->kinds)
		return -ENOMEM;
	for (size_t i = 0; i < n_names; i++) {
		if (!*names[i] || names[i][strspn(names[i], "abcdefghijklmnopqrstuvwxyz0123456789-")])
			return why_set(why, -EINVAL, "--namespaces: '%s' is not the name of one", names[i]);
	}
	for (size_t i = 0; !error && i < ARRAY_LEN(kinds); i++) {
		struct watch_what what = kinds[i].what;

		what.labels = kinds[i].selected ? s->labels : NULL;
		if (kinds[i].cluster_wide || !n_names)
			error = add_kind(s, &what, loop);
		for (size_t j = 0; !error && j < n_names && !kinds[i].cluster_wide; j++) {
			what.namespace = names[j];
			error = add_kind(s, &what, loop);
		}
	}
	return error;
}

static int find_access(const char *where, const struct source_options *options, struct why *why,
		       struct access *ret)
{
	int error =
		where ? kubeconfig_read(where, why, ret) : in_cluster_read(NULL, options->server, why, ret);

	if (error || !where || !options->server)
		return error;
	free(ret->server);
	ret->server = server_parse(options->server, why);
	return ret->server ? 0 : -EINVAL;
}

int kubernetes_source_open(const char *where, const struct source_options *options, uv_loop_t *loop,
			   struct model *model, const struct source_events *events, struct why *why,
			   struct source **ret)
{
	struct kubernetes *s = calloc(1, sizeof(*s));
	int error = s ? 0 : -ENOMEM;

	why_set(why, -ENOMEM, "out of memory");
	if (error)
		return error;
	*s = (struct kubernetes){ .source.ops = &ops, .model = model, .events = *events };
	s->namespaces = options->namespaces ? strdup(options->namespaces) : NULL;
	s->labels = options->labels ? strdup(options->labels) : NULL;
	if ((options->namespaces && !s->namespaces) || (options->labels && !s->labels))
		error = -ENOMEM;
	if (!error && options->namespaces && count_namespaces(options->namespaces) > MAX_NAMESPACES)
		error = why_set(why, -EINVAL, "--namespaces: more than %d; leave it out to watch all",
				MAX_NAMESPACES);
	if (!error)
		error = find_access(where, options, why, &s->access);
	if (!error)
		error = client_new(loop, &s->access, options->agent ? options->agent : "weft", why,
				   &s->client);
	if (!error)
		error = add_kinds(s, loop, why);
	if (error) {
		free_all(s);
		return error;
	}
	*ret = &s->source;
	return 0;
}
