/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * /healthz, /readyz, /metrics and /status by HTTP, on the agent's own loop: that they are answered shows that it
 * turns. Whoever is slow or silent, or comes in numbers, holds neither the loop nor much memory.
 */
#pragma once

#include <uv.h>

#include "serve/place.h"
#include "serve/report.h"

struct server;

/* Fills the report with how things are now. */
typedef void server_report_fn(void *arg, struct report *ret);

/* Returns 0 or a negative errno; nobody is heard before one of the two below. */
int server_new(uv_loop_t *loop, server_report_fn *fill, void *arg, struct server **ret);

/* Listens there; not if it is off. Returns 0 or a negative errno with `why`. */
int server_listen(struct server *server, const struct serve_place *place, struct why *why);

/* Listens at the abstract socket of the directory of pins. Returns 0 or a negative errno with `why`. */
int server_listen_local(struct server *server, const char *bpffs, struct why *why);

/* To be called once the loop has closed all of its handles; also NULL. */
void server_close(struct server *server);
