/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where an API server is, and who we are to it. */
#pragma once

#include <stdbool.h>

/* Owned strings; NULL where there is none. */
struct access {
	char *server; /* "https://host:port", without a slash at the end */
	char *ca_file;
	char *ca_pem;
	bool insecure; /* whoever answers is believed */
	char *token;
	char *token_file; /* read again for each request, as it rotates */
	char *cert_file;
	char *cert_pem;
	char *key_file;
	char *key_pem;
};

void access_done(struct access *access); /* also for _cleanup_ */
