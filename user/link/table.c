/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Message by message. */
#include "link/table.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "link/route.h"

const struct link_entry *link_find(const struct link_table *table, uint32_t index)
{
	struct link_entry *link;

	HASH_FIND(hh, table->links, &index, sizeof(index), link);
	return link;
}

const struct link_entry *link_named(const struct link_table *table, const char *name)
{
	for (const struct link_entry *link = table->links; link; link = link->hh.next) {
		if (!strcmp(link->name, name))
			return link;
	}
	return NULL;
}

void link_table_done(struct link_table *table)
{
	struct link_entry *link, *next;

	HASH_ITER (hh, table->links, link, next) {
		HASH_DEL(table->links, link);
		free(link);
	}
	routes_drop(table, NULL, NULL);
	*table = (struct link_table){ 0 };
}

static void read_text(const struct nlattr *attribute, char *text, size_t size)
{
	if (!mnl_attr_validate(attribute, MNL_TYPE_STRING))
		snprintf(text, size, "%.*s", (int)mnl_attr_get_payload_len(attribute),
			 mnl_attr_get_str(attribute));
}

static int on_info(const struct nlattr *attribute, void *arg)
{
	struct link_entry *link = arg;

	if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
		read_text(attribute, link->kind, sizeof(link->kind));
	return MNL_CB_OK;
}

static uint32_t read_u32(const struct nlattr *attribute)
{
	return mnl_attr_validate(attribute, MNL_TYPE_U32) ? 0 : mnl_attr_get_u32(attribute);
}

struct link_message {
	struct link_entry link;
	bool partial; /* it tells of one property only */
	bool moving;  /* it leaves for another namespace */
};

static int on_link_attribute(const struct nlattr *attribute, void *arg)
{
	struct link_message *message = arg;
	struct link_entry *link = &message->link;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_IFNAME:
		read_text(attribute, link->name, sizeof(link->name));
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attribute) == MAC_SIZE)
			memcpy(link->mac, mnl_attr_get_payload(attribute), MAC_SIZE);
		break;
	case IFLA_MASTER:
		link->master = read_u32(attribute);
		break;
	case IFLA_LINK:
		link->peer = read_u32(attribute);
		break;
	case IFLA_LINK_NETNSID:
		link->peer_elsewhere = true;
		link->netns = (int32_t)read_u32(attribute);
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attribute, on_info, link);
		break;
	case IFLA_WIRELESS:
		message->partial = true;
		break;
	case IFLA_NEW_NETNSID:
		message->moving = true;
		break;
	}
	return MNL_CB_OK;
}

static bool is_of_link(const struct link_route *route, const void *arg)
{
	return route->interface == *(const uint32_t *)arg;
}

static void drop_link(struct link_table *table, const struct link_message *message)
{
	uint32_t index = message->link.index;
	struct link_entry *link;

	/* The other end of a veth is not told that this one is somewhere else now. */
	if (message->moving && !message->link.peer_elsewhere)
		table->doubt = message->link.peer;
	HASH_FIND(hh, table->links, &index, sizeof(index), link);
	if (!link)
		return;
	HASH_DEL(table->links, link);
	free(link);
	routes_drop(table, is_of_link, &index);
	table->changed = true;
}

/* All that both entries know but their place in the table. */
static bool is_same(const struct link_entry *a, const struct link_entry *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->kind, b->kind) && !memcmp(a->mac, b->mac, MAC_SIZE) &&
	       a->peer_elsewhere == b->peer_elsewhere && a->netns == b->netns && a->peer == b->peer &&
	       a->master == b->master;
}

static void update_link(struct link_table *table, struct link_entry *link, const struct link_entry *news)
{
	UT_hash_handle hh = link->hh;
	uint64_t born = link->born;

	if (is_same(link, news))
		return;
	*link = *news;
	link->hh = hh;
	link->born = born;
	table->changed = true;
}

static int put_link(struct link_table *table, const struct link_entry *news)
{
	struct link_entry *link;

	HASH_FIND(hh, table->links, &news->index, sizeof(news->index), link);
	if (link) {
		update_link(table, link, news);
		return 0;
	}
	link = malloc(sizeof(*link));
	if (!link)
		return -ENOMEM;
	*link = *news;
	link->born = ++table->born;
	HASH_ADD(hh, table->links, index, sizeof(link->index), link);
	table->changed = true;
	return 0;
}

static int feed_link(struct link_table *table, const struct nlmsghdr *header)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
	struct link_message message = { .link = { .netns = NETNS_UNKNOWN } };

	/* In the bridge's family the same message tells of a port of it. */
	if (mnl_nlmsg_get_payload_len(header) < sizeof(*info) || info->ifi_family != AF_UNSPEC)
		return 0;
	message.link.index = info->ifi_index;
	message.link.loopback = info->ifi_flags & IFF_LOOPBACK;
	mnl_attr_parse(header, sizeof(*info), on_link_attribute, &message);
	if (header->nlmsg_type == RTM_DELLINK) {
		drop_link(table, &message);
		return 0;
	}
	if (message.partial)
		return 0;
	/* All routes go with an interface that is taken down; of those of IPv4 nobody is told. */
	if (!(info->ifi_flags & IFF_UP))
		routes_drop(table, is_of_link, &message.link.index);
	return put_link(table, &message.link);
}

int link_table_feed(struct link_table *table, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(message);

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return feed_link(table, message);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return routes_feed(table, message);
	case RTM_DELADDR:
		/* Routes of IPv4 that name it as their source go as well, and nobody is told. */
		if (mnl_nlmsg_get_payload_len(message) >= sizeof(*address) && address->ifa_family == AF_INET)
			table->stale = true;
		return 0;
	}
	return 0;
}
