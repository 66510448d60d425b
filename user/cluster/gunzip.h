/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A stream that was compressed by gzip (RFC 1952), also one of several members: an API server ends a member where it
 * ends the list of a watch, at which libcurl's own decoder gives up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct gunzip;

struct gunzip *gunzip_new(void); /* NULL without memory */
void gunzip_free(struct gunzip *gunzip);

/* False to end it. */
typedef bool gunzip_fn(void *arg, const char *bytes, size_t count);

/* Returns 0, -ECANCELED if `call` wanted no more, -EINVAL for what is no gzip, or -ENOMEM. */
int gunzip_feed(struct gunzip *gunzip, const char *bytes, size_t count, gunzip_fn *call, void *arg);
