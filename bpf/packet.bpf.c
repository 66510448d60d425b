/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What programs at tc do with a packet, as global functions over the CPU's scratch: the verifier looks at each once,
 * and their stack is not needed while others run.
 */
#include "lib/forge.h"
#include "lib/surgery.h"
#include "lib/translate.h"

__attribute__((noinline)) int weft_parse(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();

	return w ? packet_parse(skb, &w->packet) : PACKET_OTHER;
}

__attribute__((noinline)) int weft_parse_quoted(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();

	return w && packet_quoted(skb, &w->packet, &w->quoted);
}

__attribute__((noinline)) int weft_translate_out(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();

	return w ? translate_target(skb, &w->packet, &w->key.remote, w->key.remote_port, w->key.local_port)
		 : -ENOMEM;
}

__attribute__((noinline)) int weft_translate_back(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();

	return w ? translate_source(skb, &w->packet, &w->row.remote, w->row.remote_port, w->row.local_port)
		 : -ENOMEM;
}

__attribute__((noinline)) int weft_translate_quoted(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();

	return w ? translate_quoted(skb, &w->packet, &w->quoted, &w->row.remote, w->row.remote_port,
				    w->row.local_port)
		 : -ENOMEM;
}

__attribute__((noinline)) uint32_t weft_next_option(uint32_t at)
{
	struct scratch *w = scratch_get();

	return w ? next_option(&w->syn, at) : OPTIONS_DONE;
}

__attribute__((noinline)) int weft_keep_syn(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();

	return w && forge_keep(skb, &w->packet, &w->syn);
}

__attribute__((noinline)) int weft_forge_syn(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();
	struct ends ends;

	if (!w)
		return -ENOMEM;
	ends.source = w->key.local;
	ends.target = w->key.remote;
	return forge_syn(skb, &w->packet, &w->syn, &ends, w->key.local_port, w->key.remote_port, w->gateway);
}

__attribute__((noinline)) int weft_forge_reset(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();

	return w ? forge_reset(skb, &w->packet, w->gateway) : -ENOMEM;
}
