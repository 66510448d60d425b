/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Run by user space, once for each network namespace of the pods. */
#include "lib/recount.h"

SEC("iter/tcp")
int weft_recount(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;

	if (common)
		recount(common);
	return 0;
}
