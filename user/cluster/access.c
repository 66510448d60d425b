/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where an API server is, and who we are to it. */
#include "cluster/access.h"

#include <stdlib.h>
#include <string.h>

/* What is secret does not stay in memory. */
static void forget(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void access_done(struct access *access)
{
	free(access->server);
	free(access->ca_file);
	free(access->ca_pem);
	forget(access->token);
	free(access->token_file);
	free(access->cert_file);
	free(access->cert_pem);
	free(access->key_file);
	forget(access->key_pem);
	*access = (struct access){ 0 };
}
