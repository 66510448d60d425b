/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Interfaces and routes as words, made into messages of netlink. */
#pragma once

#include "link/pod_link.h"
#include "link/table.h"

/*
 * Feeds what each line says, as the kernel would:
 *   link INDEX NAME [kind=KIND] [netns=ID] [master=INDEX] [peer=INDEX] [mac=BYTE] [down] [lo] [wireless] [bridge-family]
 *   unlink INDEX [peer=INDEX] [netns=ID] [moving] [bridge-family]
 *   route TO/LENGTH dev INDEX [via] [metric=N] [table=N] [type=N] [replace] [cloned]
 *   route TO/LENGTH hops=INDEX,INDEX
 *   unroute ...
 *   unaddress 4|6
 * Lines end at ';'.
 */
void links_feed(struct link_table *table, const char *text);

/* "5 veth5 netns 1 mac 05 v4 10.0.0.1; 6 ..." in `ret` */
void links_print(const struct pod_links *links, char *ret, size_t size);
