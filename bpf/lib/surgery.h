/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The global functions of packet.bpf.c. What they work on, and what they find, is in the CPU's scratch. */
#pragma once

#include "lib/scratch.h"

/* The packet, into `packet`; returns an enum packet_kind. */
int weft_parse(struct __sk_buff *skb);

/* The packet that `packet`, an ICMP error, quotes, into `quoted`. Zero: there is none. */
int weft_parse_quoted(struct __sk_buff *skb);

/*
 * `packet` goes where `key` says (out), or seems to come from where `row` says (back), or quotes what `row` says. Zero,
 * or a negative error with which it is to be dropped.
 */
int weft_translate_out(struct __sk_buff *skb);
int weft_translate_back(struct __sk_buff *skb);
int weft_translate_quoted(struct __sk_buff *skb);

/* `packet` is a SYN: into `syn`. Zero: it is one that is left alone. */
int weft_keep_syn(struct __sk_buff *skb);

/* `packet` becomes `syn`, to where `key` says; or the reset that answers it. `gateway` takes it. As above. */
int weft_forge_syn(struct __sk_buff *skb);
int weft_forge_reset(struct __sk_buff *skb);
