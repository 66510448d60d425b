/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last descriptor of a socket is closed. */
#include "lib/flow.h"

SEC("cgroup/sock_release")
int weft_release(struct bpf_sock *ctx)
{
	flow_release(ctx);
	return 1;
}
