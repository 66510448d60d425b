/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Default routes say which interface leads out, host routes which address is behind an interface, wider ones that
 * there are more, and local ones which are the node's own. What leads into the wide world by other ways is not kept:
 * a router's table has a million of those.
 */
#include "link/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

enum {
	V4_BITS = 32,
	V6_BITS = 128,
	V4_OFFSET = 12, /* of IPv4 in a mapped address */
};

size_t routes_drop(struct link_table *table, routes_match *match, const void *arg)
{
	struct link_route_entry *entry, *next;
	size_t count = 0;

	HASH_ITER (hh, table->routes, entry, next) {
		if (match && !match(&entry->route, arg))
			continue;
		HASH_DEL(table->routes, entry);
		free(entry);
		table->changed = true;
		count++;
	}
	return count;
}

/* Of an interface behind which there can only be a pod or a virtual machine every route is kept. */
static bool is_kept(const struct link_table *table, const struct link_route *route)
{
	const struct link_entry *link = link_find(table, route->interface);

	if (route->length == (route->family == AF_INET ? V4_BITS : V6_BITS))
		return true;
	if (route->flags & ROUTE_LOCAL)
		return false;
	if (!route->length)
		return true;
	return link && (!strcmp(link->kind, "veth") || !strcmp(link->kind, "tun"));
}

static int add(struct link_table *table, const struct link_route *route)
{
	struct link_route_entry *entry;

	if (!route->interface || !is_kept(table, route))
		return 0;
	HASH_FIND(hh, table->routes, route, sizeof(*route), entry);
	if (entry)
		return 0;
	entry = malloc(sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->route = *route;
	HASH_ADD(hh, table->routes, route, sizeof(entry->route), entry);
	table->changed = true;
	return 0;
}

static void drop(struct link_table *table, const struct link_route *route)
{
	struct link_route_entry *entry;

	HASH_FIND(hh, table->routes, route, sizeof(*route), entry);
	if (!entry)
		return;
	/* Two gateways behind one interface are one entry here. */
	if (route->flags & ROUTE_BY_GATEWAY)
		table->stale = true;
	HASH_DEL(table->routes, entry);
	free(entry);
	table->changed = true;
}

/* Would one take the other's place? */
static bool is_rival(const struct link_route *route, const void *arg)
{
	const struct link_route *other = arg;

	return route->family == other->family && route->table == other->table &&
	       route->length == other->length && route->metric == other->metric && route->tos == other->tos &&
	       !memcmp(&route->to, &other->to, sizeof(route->to));
}

struct route_message {
	struct link_route route;
	const struct nlattr *hops; /* of a route with several */
};

static void read_address(const struct nlattr *attribute, struct link_route *route)
{
	size_t length = mnl_attr_get_payload_len(attribute);
	size_t offset = route->family == AF_INET ? V4_OFFSET : 0;

	if (length == sizeof(route->to) - offset)
		memcpy(route->to.bytes + offset, mnl_attr_get_payload(attribute), length);
}

static int on_route_attribute(const struct nlattr *attribute, void *arg)
{
	struct route_message *message = arg;
	struct link_route *route = &message->route;
	int type = mnl_attr_get_type(attribute);

	if (type == RTA_DST)
		read_address(attribute, route);
	else if (type == RTA_GATEWAY || type == RTA_VIA)
		route->flags |= ROUTE_BY_GATEWAY;
	else if (type == RTA_MULTIPATH)
		message->hops = attribute;
	else if (mnl_attr_validate(attribute, MNL_TYPE_U32))
		return MNL_CB_OK;
	else if (type == RTA_OIF)
		route->interface = mnl_attr_get_u32(attribute);
	else if (type == RTA_TABLE)
		route->table = mnl_attr_get_u32(attribute);
	else if (type == RTA_PRIORITY)
		route->metric = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int on_hop_attribute(const struct nlattr *attribute, void *arg)
{
	struct link_route *route = arg;
	int type = mnl_attr_get_type(attribute);

	if (type == RTA_GATEWAY || type == RTA_VIA)
		route->flags |= ROUTE_BY_GATEWAY;
	return MNL_CB_OK;
}

static int take(struct link_table *table, const struct link_route *route, bool is_drop)
{
	if (!is_drop)
		return add(table, route);
	drop(table, route);
	return 0;
}

static int take_hops(struct link_table *table, struct link_route *route, const struct nlattr *hops,
		     bool is_drop)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(hops);
	int left = mnl_attr_get_payload_len(hops), error = 0;

	for (; !error && RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		route->interface = hop->rtnh_ifindex;
		route->flags &= ~ROUTE_BY_GATEWAY;
		mnl_attr_parse_payload(RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop), on_hop_attribute, route);
		error = take(table, route, is_drop);
	}
	return error;
}

int routes_feed(struct link_table *table, const struct nlmsghdr *header)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(header);
	bool is_drop = header->nlmsg_type == RTM_DELROUTE;
	struct route_message message = { 0 };
	struct link_route *route = &message.route;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*info) || info->rtm_flags & RTM_F_CLONED ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6))
		return 0;
	route->family = info->rtm_family;
	route->length = info->rtm_dst_len;
	route->tos = info->rtm_tos;
	route->table = info->rtm_table;
	if (route->family == AF_INET)
		memset(route->to.bytes + V4_OFFSET - 2, 0xff, 2);
	mnl_attr_parse(header, sizeof(*info), on_route_attribute, &message);
	/* Of what was there under this name one route is gone without a word, and if there were more, which? */
	if (header->nlmsg_flags & NLM_F_REPLACE && routes_drop(table, is_rival, route) > 1)
		table->stale = true;
	if (info->rtm_type == RTN_LOCAL)
		route->flags |= ROUTE_LOCAL;
	else if (info->rtm_type != RTN_UNICAST)
		return 0;
	return message.hops ? take_hops(table, route, message.hops, is_drop) : take(table, route, is_drop);
}
