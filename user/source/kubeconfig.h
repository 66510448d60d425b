/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the API server is: a kubeconfig, as kubectl has it, or what Kubernetes gives to a pod. */
#pragma once

#include "base/why.h"
#include "cluster/access.h"

/*
 * The current context of the file; relative paths in it are relative to its directory. What weft does not support and
 * cannot do without (exec, auth-provider, user and password) is refused. Returns 0, -EINVAL, -ENOMEM or the error of
 * the file, with `why`.
 */
int kubeconfig_read(const char *path, struct why *why, struct access *ret);

/*
 * In a pod: the token and CA of the service account, in `dir` (NULL: where Kubernetes puts them), and the address in
 * KUBERNETES_SERVICE_HOST and _PORT, which `server` (may be NULL) stands instead of.
 */
int in_cluster_read(const char *dir, const char *server, struct why *why, struct access *ret);

/* An address of a server, as it stands in access.server: "https://HOST[:PORT]". NULL with `why` if it is none. */
char *server_parse(const char *text, struct why *why);
