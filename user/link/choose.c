/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From interfaces and routes to those of pods. */
#include <errno.h>
#include <fnmatch.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/vec.h"
#include "link/pod_link.h"

/* What routes say of an interface. */
struct hint {
	uint32_t index;
	bool leads_out;	   /* a default route */
	bool has_host;	   /* a route to one address, without a gateway */
	bool has_wider[2]; /* by family: others are behind it, and nobody knows which */
};

struct hints {
	struct hint *items; /* sorted by index */
	size_t count, room;
	struct addr *own; /* addresses of the node, sorted */
	size_t n_own, own_room;
};

static void hints_done(struct hints *hints)
{
	free(hints->items);
	free(hints->own);
}

static int compare_addresses(const void *left, const void *right)
{
	return addr_compare(left, right);
}

static int compare_hints(const void *left, const void *right)
{
	const struct hint *a = left, *b = right;

	return a->index < b->index ? -1 : a->index > b->index;
}

static bool is_v6(const struct link_route *route)
{
	return route->family == AF_INET6;
}

static bool is_host_route(const struct link_route *route)
{
	return route->length == (is_v6(route) ? 128 : 32) && !(route->flags & ROUTE_BY_GATEWAY);
}

/* Of pods: fe80::/10 and ff00::/8 are on every interface. */
static bool says_nothing(const struct link_route *route)
{
	const uint8_t *bytes = route->to.bytes;

	if (route->flags & ROUTE_LOCAL)
		return true;
	return is_v6(route) && route->length &&
	       (bytes[0] == 0xff || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80));
}

static int read_own(const struct link_table *table, struct hints *hints)
{
	const struct link_route_entry *entry;

	for (entry = table->routes; entry; entry = entry->hh.next) {
		if (!(entry->route.flags & ROUTE_LOCAL))
			continue;
		if (vec_reserve(&hints->own, hints->n_own + 1, &hints->own_room, sizeof(*hints->own)))
			return -ENOMEM;
		hints->own[hints->n_own++] = entry->route.to;
	}
	if (hints->n_own)
		qsort(hints->own, hints->n_own, sizeof(*hints->own), compare_addresses);
	return 0;
}

/* To an address of the node there is a host route beside the local one, where it is IPv6. */
static bool is_own(const struct hints *hints, const struct link_route *route)
{
	return hints->n_own &&
	       bsearch(&route->to, hints->own, hints->n_own, sizeof(*hints->own), compare_addresses);
}

static bool leads_to_pod(const struct hints *hints, const struct link_route *route)
{
	return is_host_route(route) && !says_nothing(route) && !is_own(hints, route);
}

static struct hint make_hint(const struct hints *hints, const struct link_route *route)
{
	bool is_wider = !is_host_route(route) && !says_nothing(route);

	return (struct hint){
		.index = route->interface,
		.leads_out = !route->length && route->table == RT_TABLE_MAIN,
		.has_host = leads_to_pod(hints, route),
		.has_wider = { is_wider && !is_v6(route), is_wider && is_v6(route) },
	};
}

/* Those of one interface into one. */
static void fold_hints(struct hints *hints)
{
	struct hint *into = hints->items;

	if (!hints->count)
		return;
	qsort(hints->items, hints->count, sizeof(*hints->items), compare_hints);
	for (size_t i = 1; i < hints->count; i++) {
		const struct hint *hint = &hints->items[i];

		if (hint->index != into->index) {
			*++into = *hint;
			continue;
		}
		into->leads_out |= hint->leads_out;
		into->has_host |= hint->has_host;
		into->has_wider[0] |= hint->has_wider[0];
		into->has_wider[1] |= hint->has_wider[1];
	}
	hints->count = into - hints->items + 1;
}

static int read_hints(const struct link_table *table, struct hints *hints)
{
	const struct link_route_entry *entry;
	int error = read_own(table, hints);

	for (entry = table->routes; !error && entry; entry = entry->hh.next) {
		error = vec_reserve(&hints->items, hints->count + 1, &hints->room, sizeof(*hints->items));
		if (!error)
			hints->items[hints->count++] = make_hint(hints, &entry->route);
	}
	fold_hints(hints);
	return error;
}

static const struct hint *find_hint(const struct hints *hints, uint32_t index)
{
	static const struct hint none = { 0 };
	struct hint key = { .index = index };
	const struct hint *hint = NULL;

	if (hints->count)
		hint = bsearch(&key, hints->items, hints->count, sizeof(key), compare_hints);
	return hint ? hint : &none;
}

/* Does a glob of the list match? */
static bool list_matches(const char *list, const char *name)
{
	char glob[256];

	while (list && *list) {
		size_t length = strcspn(list, ",");

		if (length < sizeof(glob)) {
			memcpy(glob, list, length);
			glob[length] = '\0';
			if (!fnmatch(glob, name, 0))
				return true;
		}
		list += length;
		list += *list == ',';
	}
	return false;
}

static bool is_bridge(const struct link_entry *link)
{
	return link && !strcmp(link->kind, "bridge");
}

static bool is_uplink(const struct link_entry *link, const struct hint *hint,
		      const struct pod_link_options *options)
{
	return options->uplink ? !strcmp(options->uplink, link->name) : hint->leads_out;
}

static bool is_chosen(const struct link_table *table, const struct link_entry *link, const struct hint *hint,
		      const struct pod_link_options *options)
{
	if (link->loopback || is_uplink(link, hint, options))
		return false;
	if (options->interfaces)
		return list_matches(options->interfaces, link->name);
	return !strcmp(link->kind, "veth") && link->peer_elsewhere &&
	       (is_bridge(link_find(table, link->master)) || hint->has_host);
}

/* Without its flags, which need the addresses. */
static int add_link(const struct link_table *table, const struct link_entry *link, struct pod_links *links)
{
	const struct link_entry *master = link_find(table, link->master);
	struct pod_link *item = pod_links_add(links, link->index);

	if (!item)
		return -ENOMEM;
	item->born = link->born;
	item->row.netns = link->netns;
	memcpy(item->row.gateway, is_bridge(master) ? master->mac : link->mac, MAC_SIZE);
	memcpy(item->row.name, link->name, sizeof(item->row.name));
	return 0;
}

/* Where only a pod can be behind the interface, and every route to it is to one address, these are all it has. */
static bool is_guarded(const struct link_entry *link, const struct hint *hint, const struct link_route *route,
		       const struct pod_link_options *options)
{
	return (!strcmp(link->kind, "veth") || !strcmp(link->kind, "tun")) &&
	       !hint->has_wider[is_v6(route)] && !list_matches(options->may_spoof, link->name);
}

static int add_addresses(const struct link_table *table, const struct hints *hints,
			 const struct pod_link_options *options, struct pod_links *links)
{
	const struct link_route_entry *entry;

	for (entry = table->routes; entry; entry = entry->hh.next) {
		const struct link_route *route = &entry->route;
		struct pod_link *item = pod_links_find(links, route->interface);

		if (!item || !leads_to_pod(hints, route) ||
		    !is_guarded(link_find(table, item->index), find_hint(hints, item->index), route, options))
			continue;
		item->row.flags |= is_v6(route) ? INTERFACE_GUARDED_V6 : INTERFACE_GUARDED_V4;
		if (pod_link_add_address(item, &route->to))
			return -ENOMEM;
	}
	return 0;
}

int pod_links_choose(const struct link_table *table, const struct pod_link_options *options,
		     struct pod_links *ret)
{
	_cleanup_(pod_links_done) struct pod_links links = { 0 };
	_cleanup_(hints_done) struct hints hints = { 0 };
	int error = read_hints(table, &hints);

	for (const struct link_entry *link = table->links; !error && link; link = link->hh.next) {
		if (is_chosen(table, link, find_hint(&hints, link->index), options))
			error = add_link(table, link, &links);
	}
	pod_links_sort(&links);
	if (!error)
		error = add_addresses(table, &hints, options, &links);
	pod_links_sort(&links);
	if (error)
		return error;
	*ret = links;
	links = (struct pod_links){ 0 };
	return 0;
}
