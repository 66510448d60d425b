/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* kubeconfig (client.authentication.k8s.io, v1 Config), and the service account of a pod. */
#include "source/kubeconfig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/base64.h"
#include "base/text.h"
#include "source/fetch.h"
#include "source/field.h"

static const char account_dir[] = "/var/run/secrets/kubernetes.io/serviceaccount";

char *server_parse(const char *text, struct why *why)
{
	bool plain = !strncmp(text, "http://", strlen("http://"));
	const char *host = strncmp(text, "https://", strlen("https://")) ? text + strlen("http://")
									 : text + strlen("https://");
	size_t length = strlen(text);

	if ((!plain && strncmp(text, "https://", strlen("https://"))) || !*host ||
	    strpbrk(text, " ?#@\t\r\n")) {
		why_set(why, -EINVAL, "'%s' is not the address of an API server (https://HOST:PORT)", text);
		return NULL;
	}
	while (text[length - 1] == '/')
		length--;
	return text_format("%.*s", (int)length, text);
}

/* The item of this name of "clusters", "users" or "contexts"; its member `what` is what is meant. */
static int find_named(const struct field *list, const char *name, const char *what, struct field *ret_item,
		      struct field *ret)
{
	yyjson_arr_iter items = { 0 };
	yyjson_val *value;
	int error = field_is_list(list);

	if (error)
		return error;
	yyjson_arr_iter_init(list->value, &items);
	for (size_t i = 0; (value = yyjson_arr_iter_next(&items)); i++) {
		struct field name_field;
		const char *text = NULL;

		*ret_item = field_item(list, i, value);
		error = field_is_object(ret_item);
		if (error)
			return error;
		name_field = field_member(ret_item, "name");
		error = field_string(&name_field, &text);
		if (error)
			return error;
		if (!text || strcmp(text, name))
			continue;
		*ret = field_member(ret_item, what);
		return ret->value ? field_is_object(ret) : field_refuse(ret, "is missing");
	}
	return field_refuse(list, "none has the name \"%s\"", name);
}

static int read_string(const struct field *object, const char *key, char **ret)
{
	struct field field = field_member(object, key);
	const char *text = NULL;
	int error = field_string(&field, &text);

	return error || !text || !*text ? error : field_copy(&field, text, ret);
}

/* As kubectl has it: relative to the file that names it. */
static int read_path(const struct field *object, const char *key, const char *dir, char **ret)
{
	_cleanup_(freep) char *path = NULL;
	int error = read_string(object, key, &path);

	if (error || !path)
		return error;
	*ret = *path == '/' ? TAKE_PTR(path) : text_format("%s/%s", dir, path);
	return *ret ? 0 : field_out_of_memory(object);
}

static int read_data(const struct field *object, const char *key, char **ret)
{
	struct field field = field_member(object, key);
	const char *text = NULL;
	int error = field_string(&field, &text);

	if (error || !text || !*text)
		return error;
	error = base64_decode(text, ret, NULL);
	if (error == -EINVAL)
		return field_refuse(&field, "is not base64");
	return error ? field_out_of_memory(&field) : 0;
}

static int read_cluster(const struct field *cluster, const char *dir, struct access *ret)
{
	struct field server = field_member(cluster, "server");
	struct field insecure = field_member(cluster, "insecure-skip-tls-verify");
	struct field name = field_member(cluster, "tls-server-name");
	const char *text = NULL;
	struct why why;
	int error = field_string(&server, &text);

	if (error)
		return error;
	if (!text)
		return field_refuse(&server, "is missing");
	if (name.value)
		return field_refuse(&name, "is not supported");
	ret->server = server_parse(text, &why);
	if (!ret->server)
		return field_refuse(&server, "%s", why.text);
	error = field_bool(&insecure, false, &ret->insecure);
	if (!error)
		error = read_path(cluster, "certificate-authority", dir, &ret->ca_file);
	return error ? error : read_data(cluster, "certificate-authority-data", &ret->ca_pem);
}

static int read_user(const struct field *user, const char *dir, struct access *ret)
{
	static const char *const others[] = { "exec", "auth-provider", "username", "password", "as" };
	int error;

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct field other = field_member(user, others[i]);

		if (other.value)
			return field_refuse(&other, "is not supported; use a token or a client certificate");
	}
	error = read_string(user, "token", &ret->token);
	if (!error)
		error = read_path(user, "tokenFile", dir, &ret->token_file);
	if (!error)
		error = read_path(user, "client-certificate", dir, &ret->cert_file);
	if (!error)
		error = read_data(user, "client-certificate-data", &ret->cert_pem);
	if (!error)
		error = read_path(user, "client-key", dir, &ret->key_file);
	return error ? error : read_data(user, "client-key-data", &ret->key_pem);
}

static int read_root(const struct field *root, const char *dir, struct access *ret)
{
	struct field current = field_member(root, "current-context");
	struct field contexts = field_member(root, "contexts"), clusters = field_member(root, "clusters");
	struct field users = field_member(root, "users");
	struct field context_item, cluster_item, user_item, context, cluster, user, cluster_name, user_name;
	const char *name = NULL, *cluster_text = NULL, *user_text = NULL;
	int error = field_is_object(root);

	if (!error)
		error = field_string(&current, &name);
	if (!error && !name)
		error = field_refuse(&current, "is missing");
	if (!error)
		error = find_named(&contexts, name, "context", &context_item, &context);
	if (error)
		return error;
	cluster_name = field_member(&context, "cluster");
	user_name = field_member(&context, "user");
	error = field_string(&cluster_name, &cluster_text);
	if (!error)
		error = field_string(&user_name, &user_text);
	if (!error && !cluster_text)
		error = field_refuse(&cluster_name, "is missing");
	if (!error)
		error = find_named(&clusters, cluster_text, "cluster", &cluster_item, &cluster);
	if (!error)
		error = read_cluster(&cluster, dir, ret);
	if (error || !user_text)
		return error;
	error = find_named(&users, user_text, "user", &user_item, &user);
	return error ? error : read_user(&user, dir, ret);
}

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : text_format("%.*s", (int)(slash - path), path);
}

int kubeconfig_read(const char *path, struct why *why, struct access *ret)
{
	_cleanup_(tree_done) struct tree tree = { 0 };
	_cleanup_(access_done) struct access found = { 0 };
	_cleanup_(freep) char *text = NULL, *dir = directory_of(path);
	struct identity identity;
	size_t size = 0;
	int error = dir ? fetch(path, &identity, &text, &size) : -ENOMEM;

	if (error)
		return why_set(why, error, "%s: cannot be read: %s", path, strerror(-error));
	error = tree_parse(path, TREE_YAML, text, size, why, &tree);
	if (!error && tree.count != 1)
		error = why_set(why, -EINVAL, "%s: is no kubeconfig", path);
	if (!error) {
		struct field_file file = { .name = path, .document = &tree.documents[0], .why = why };
		struct field root = { .file = &file, .value = yyjson_doc_get_root(tree.documents[0].json) };

		error = read_root(&root, dir, &found);
	}
	if (error)
		return error;
	*ret = found;
	found = (struct access){ 0 };
	return 0;
}

static char *server_from_environment(struct why *why)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
	bool six = host && strchr(host, ':');

	if (!host || !*host || !port || !*port) {
		why_set(why, -EINVAL,
			"this is no pod (KUBERNETES_SERVICE_HOST and _PORT are not set); name a kubeconfig: "
			"--source kubernetes:FILE");
		return NULL;
	}
	return text_format("https://%s%s%s:%s", six ? "[" : "", host, six ? "]" : "", port);
}

static bool is_missing(const char *path, struct why *why)
{
	if (!access(path, R_OK))
		return false;
	why_set(why, -errno, "%s: %s; is there a service account?", path, strerror(errno));
	return true;
}

int in_cluster_read(const char *dir, const char *server, struct why *why, struct access *ret)
{
	_cleanup_(access_done) struct access found = { 0 };

	dir = dir ? dir : account_dir;
	found.server = server ? server_parse(server, why) : server_from_environment(why);
	if (!found.server)
		return -EINVAL;
	found.token_file = text_format("%s/token", dir);
	found.ca_file = text_format("%s/ca.crt", dir);
	if (!found.token_file || !found.ca_file)
		return why_set(why, -ENOMEM, "out of memory");
	/* Said now, where it is seen, and not with the first request. */
	if (is_missing(found.token_file, why) || is_missing(found.ca_file, why))
		return -ENOENT;
	*ret = found;
	found = (struct access){ 0 };
	return 0;
}
