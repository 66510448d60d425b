/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A sorted array. */
#include "link/pod_link.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/vec.h"

void pod_links_done(struct pod_links *links)
{
	for (size_t i = 0; i < links->count; i++)
		free(links->items[i].addresses);
	free(links->items);
	*links = (struct pod_links){ 0 };
}

static int compare_indexes(const void *left, const void *right)
{
	const struct pod_link *a = left, *b = right;

	return a->index < b->index ? -1 : a->index > b->index;
}

static int compare_addresses(const void *left, const void *right)
{
	return addr_compare(left, right);
}

struct pod_link *pod_links_find(const struct pod_links *links, uint32_t index)
{
	struct pod_link key = { .index = index };

	if (!links->count)
		return NULL;
	return bsearch(&key, links->items, links->count, sizeof(key), compare_indexes);
}

struct pod_link *pod_links_add(struct pod_links *links, uint32_t index)
{
	struct pod_link *link;

	if (vec_reserve(&links->items, links->count + 1, &links->room, sizeof(*links->items)))
		return NULL;
	link = &links->items[links->count++];
	*link = (struct pod_link){ .index = index };
	return link;
}

int pod_link_add_address(struct pod_link *link, const struct addr *address)
{
	if (vec_reserve(&link->addresses, link->n_addresses + 1, &link->room, sizeof(*address)))
		return -ENOMEM;
	link->addresses[link->n_addresses++] = *address;
	return 0;
}

/* The same address may be known by several routes. */
static void sort_addresses(struct pod_link *link)
{
	size_t kept = 0;

	if (!link->n_addresses)
		return;
	qsort(link->addresses, link->n_addresses, sizeof(*link->addresses), compare_addresses);
	for (size_t i = 1; i < link->n_addresses; i++) {
		if (addr_compare(&link->addresses[i], &link->addresses[kept]))
			link->addresses[++kept] = link->addresses[i];
	}
	link->n_addresses = kept + 1;
}

void pod_links_sort(struct pod_links *links)
{
	if (!links->count)
		return;
	qsort(links->items, links->count, sizeof(*links->items), compare_indexes);
	for (size_t i = 0; i < links->count; i++)
		sort_addresses(&links->items[i]);
}
