/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/attr.h"
#include "base/text.h"
#include "source/kubeconfig.h"

#define HEAD                                                                                                 \
	"apiVersion: v1\nkind: Config\ncurrent-context: here\n"                                              \
	"contexts:\n- {name: there, context: {cluster: no}}\n- {name: here, context: {cluster: c, user: "    \
	"u}}\n"

static char dir[64];

static void write_file(const char *name, const char *text)
{
	_cleanup_(freep) char *path = text_format("%s/%s", dir, name);
	_cleanup_(fclosep) FILE *file = fopen(path, "we");

	cr_assert_not_null(file);
	fputs(text, file);
}

static void make_dir(void)
{
	strcpy(dir, "/tmp/weft-kubeconfig-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
}

static void remove_dir(void)
{
	_cleanup_(freep) char *command = text_format("rm -r %s", dir);

	cr_assert_eq(system(command), 0);
}

TestSuite(kubeconfig, .init = make_dir, .fini = remove_dir);

static int read_config(const char *text, struct why *why, struct access *ret)
{
	_cleanup_(freep) char *path = text_format("%s/config", dir);

	write_file("config", text);
	*why = (struct why){ "" };
	return kubeconfig_read(path, why, ret);
}

Test(kubeconfig, the_current_context_decides)
{
	_cleanup_(access_done) struct access access = { 0 };
	_cleanup_(freep) char *key = text_format("%s/pki/key", dir);
	struct why why;

	cr_assert_eq(
		read_config(
			HEAD
			"clusters:\n- name: c\n  cluster:\n    server: https://10.0.0.1:6443/\n"
			"    certificate-authority-data: Zm9v\n"
			"users:\n- name: u\n  user: {client-certificate: /etc/cert, client-key: pki/key}\n",
			&why, &access),
		0, "%s", why.text);
	cr_assert_str_eq(access.server, "https://10.0.0.1:6443");
	cr_assert_str_eq(access.ca_pem, "foo");
	cr_assert_null(access.ca_file);
	cr_assert_not(access.insecure);
	cr_assert_str_eq(access.cert_file, "/etc/cert");
	cr_assert_str_eq(access.key_file, key);
	cr_assert_null(access.token);
}

Test(kubeconfig, tokens_and_those_who_believe_anybody)
{
	_cleanup_(access_done) struct access access = { 0 };
	_cleanup_(freep) char *file = text_format("%s/token", dir);
	struct why why;

	cr_assert_eq(read_config(HEAD "clusters: [{name: c, cluster: {server: 'http://[::1]:80', "
				      "insecure-skip-tls-verify: true}}]\n"
				      "users: [{name: u, user: {token: secret, tokenFile: token}}]\n",
				 &why, &access),
		     0, "%s", why.text);
	cr_assert_str_eq(access.server, "http://[::1]:80");
	cr_assert(access.insecure);
	cr_assert_str_eq(access.token, "secret");
	cr_assert_str_eq(access.token_file, file);
}

#define CLUSTER "clusters: [{name: c, cluster: {server: 'https://x'}}]\n"

Test(kubeconfig, refusals_name_line_and_field)
{
	static const struct {
		const char *text;
		const char *words;
	} cases[] = {
		{ "kind: Config\n", ":1: current-context: is missing" },
		{ "current-context: x\ncontexts: []\n", ":2: contexts: none has the name \"x\"" },
		{ HEAD "clusters: []\n", ":7: clusters: none has the name \"c\"" },
		{ HEAD "clusters: [{name: c}]\n", ":7: clusters[0].cluster: is missing" },
		{ HEAD "clusters: [{name: c, cluster: {}}]\n", ":7: clusters[0].cluster.server: is missing" },
		{ HEAD "clusters: [{name: c, cluster: {server: 'ftp://x'}}]\n",
		  ":7: clusters[0].cluster.server: 'ftp://x' is not the address of an API server" },
		{ HEAD "clusters: [{name: c, cluster: {server: 'https://x', tls-server-name: y}}]\n",
		  ":7: clusters[0].cluster.tls-server-name: is not supported" },
		{ HEAD
		  "clusters: [{name: c, cluster: {server: 'https://x', certificate-authority-data: '!'}}]\n",
		  ":7: clusters[0].cluster.certificate-authority-data: is not base64" },
		{ HEAD CLUSTER "users: []\n", ":8: users: none has the name \"u\"" },
		{ HEAD CLUSTER "users:\n- name: u\n  user:\n    exec: {command: x}\n",
		  ":11: users[0].user.exec: is not supported; use a token or a client certificate" },
		{ HEAD CLUSTER "users: [{name: u, user: {auth-provider: {name: x}}}]\n",
		  ":8: users[0].user.auth-provider: is not supported" },
		{ HEAD CLUSTER "users: [{name: u, user: {username: x}}]\n",
		  ":8: users[0].user.username: is not supported" },
		{ "[", "config:" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct access access = { 0 };
		struct why why;

		cr_expect_eq(read_config(cases[i].text, &why, &access), -EINVAL, "%s", cases[i].text);
		cr_expect(strstr(why.text, cases[i].words), "'%s', wanted '%s'", why.text, cases[i].words);
		cr_expect_null(access.server);
	}
}

Test(kubeconfig, what_a_pod_has)
{
	_cleanup_(access_done) struct access access = { 0 }, given = { 0 };
	_cleanup_(freep) char *token = text_format("%s/token", dir);
	struct access none = { 0 };
	struct why why;

	unsetenv("KUBERNETES_SERVICE_HOST");
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	cr_assert_eq(in_cluster_read(dir, NULL, &why, &none), -EINVAL);
	cr_assert(strstr(why.text, "this is no pod"), "%s", why.text);
	setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
	cr_assert_eq(in_cluster_read(dir, NULL, &why, &none), -ENOENT);
	cr_assert(strstr(why.text, "is there a service account?"), "%s", why.text);
	write_file("token", "t\n");
	write_file("ca.crt", "ca");
	cr_assert_eq(in_cluster_read(dir, NULL, &why, &access), 0, "%s", why.text);
	cr_assert_str_eq(access.server, "https://[fd00::1]:443");
	cr_assert_str_eq(access.token_file, token);
	cr_assert_eq(in_cluster_read(dir, "https://host:6443//", &why, &given), 0);
	cr_assert_str_eq(given.server, "https://host:6443");
}
