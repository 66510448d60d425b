/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Word by word into one message, which is fed at the end of a line. */
#include "links.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"

struct line {
	char *words[16];
	int count;
};

static struct line split(char *text)
{
	struct line line = { 0 };
	char *rest = NULL;

	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		line.words[line.count++] = word;
	return line;
}

/* The value of "key=value", or NULL. */
static const char *value_of(const struct line *line, const char *key)
{
	size_t length = strlen(key);

	for (int i = 0; i < line->count; i++) {
		if (!strncmp(line->words[i], key, length) && line->words[i][length] == '=')
			return line->words[i] + length + 1;
	}
	return NULL;
}

static bool has(const struct line *line, const char *word)
{
	for (int i = 0; i < line->count; i++) {
		if (!strcmp(line->words[i], word))
			return true;
	}
	return false;
}

static void put_number(struct nlmsghdr *message, const struct line *line, const char *key, int type)
{
	const char *value = value_of(line, key);

	if (value)
		mnl_attr_put_u32(message, type, (uint32_t)atoi(value));
}

static void make_link(struct nlmsghdr *message, const struct line *line)
{
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	const char *kind = value_of(line, "kind"), *mac = value_of(line, "mac");
	uint8_t bytes[MAC_SIZE] = { 2 };
	struct nlattr *nested;

	message->nlmsg_type = strcmp(line->words[0], "link") ? RTM_DELLINK : RTM_NEWLINK;
	info->ifi_family = has(line, "bridge-family") ? AF_BRIDGE : AF_UNSPEC;
	info->ifi_index = atoi(line->words[1]);
	info->ifi_flags = (has(line, "down") ? 0 : IFF_UP) | (has(line, "lo") ? IFF_LOOPBACK : 0);
	if (message->nlmsg_type == RTM_NEWLINK)
		mnl_attr_put_strz(message, IFLA_IFNAME, line->words[2]);
	if (mac) {
		bytes[MAC_SIZE - 1] = strtoul(mac, NULL, 16);
		mnl_attr_put(message, IFLA_ADDRESS, sizeof(bytes), bytes);
	}
	put_number(message, line, "master", IFLA_MASTER);
	put_number(message, line, "peer", IFLA_LINK);
	put_number(message, line, "netns", IFLA_LINK_NETNSID);
	if (has(line, "moving"))
		mnl_attr_put_u32(message, IFLA_NEW_NETNSID, 3);
	if (has(line, "wireless"))
		mnl_attr_put(message, IFLA_WIRELESS, 0, NULL);
	if (kind) {
		nested = mnl_attr_nest_start(message, IFLA_LINKINFO);
		mnl_attr_put_strz(message, IFLA_INFO_KIND, kind);
		mnl_attr_nest_end(message, nested);
	}
}

static void put_destination(struct nlmsghdr *message, struct rtmsg *info, char *text)
{
	char *slash = strchr(text, '/');
	uint8_t bytes[16];

	cr_assert(slash, "no length in %s", text);
	*slash = '\0';
	info->rtm_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	info->rtm_dst_len = atoi(slash + 1);
	cr_assert_eq(inet_pton(info->rtm_family, text, bytes), 1, "%s", text);
	if (info->rtm_dst_len)
		mnl_attr_put(message, RTA_DST, info->rtm_family == AF_INET ? 4 : 16, bytes);
}

static void put_hops(struct nlmsghdr *message, const char *list)
{
	struct nlattr *nested = mnl_attr_nest_start(message, RTA_MULTIPATH);

	while (list && *list) {
		struct rtnexthop *hop = mnl_nlmsg_get_payload_tail(message);
		uint32_t gateway = 1;

		*hop = (struct rtnexthop){ .rtnh_ifindex = atoi(list) };
		message->nlmsg_len += sizeof(*hop);
		mnl_attr_put(message, RTA_GATEWAY, sizeof(gateway), &gateway);
		hop->rtnh_len = (char *)mnl_nlmsg_get_payload_tail(message) - (char *)hop;
		list = strchr(list, ',');
		list += list != NULL;
	}
	mnl_attr_nest_end(message, nested);
}

static void make_route(struct nlmsghdr *message, const struct line *line)
{
	struct rtmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	const char *table = value_of(line, "table"), *type = value_of(line, "type");
	uint32_t gateway = 1;

	message->nlmsg_type = strcmp(line->words[0], "route") ? RTM_DELROUTE : RTM_NEWROUTE;
	message->nlmsg_flags = has(line, "replace") ? NLM_F_REPLACE : 0;
	info->rtm_type = type ? atoi(type) : RTN_UNICAST;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_flags = has(line, "cloned") ? RTM_F_CLONED : 0;
	put_destination(message, info, line->words[1]);
	mnl_attr_put_u32(message, RTA_TABLE, table ? (uint32_t)atoi(table) : RT_TABLE_MAIN);
	if (line->count > 3 && !strcmp(line->words[2], "dev"))
		mnl_attr_put_u32(message, RTA_OIF, atoi(line->words[3]));
	put_number(message, line, "metric", RTA_PRIORITY);
	if (has(line, "via"))
		mnl_attr_put(message, RTA_GATEWAY, sizeof(gateway), &gateway);
	if (value_of(line, "hops"))
		put_hops(message, value_of(line, "hops"));
}

static void make_address(struct nlmsghdr *message, const struct line *line)
{
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	message->nlmsg_type = RTM_DELADDR;
	info->ifa_family = strcmp(line->words[1], "4") ? AF_INET6 : AF_INET;
}

static void feed_line(struct link_table *table, char *text)
{
	_Alignas(struct nlmsghdr) char buffer[1024] = { 0 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct line line = split(text);

	if (!line.count)
		return;
	if (strstr(line.words[0], "link"))
		make_link(message, &line);
	else if (strstr(line.words[0], "route"))
		make_route(message, &line);
	else
		make_address(message, &line);
	cr_assert(!link_table_feed(table, message));
}

void links_feed(struct link_table *table, const char *text)
{
	char *copy = strdup(text), *rest = NULL;

	for (char *line = strtok_r(copy, ";", &rest); line; line = strtok_r(NULL, ";", &rest))
		feed_line(table, line);
	free(copy);
}

void links_print(const struct pod_links *links, char *ret, size_t size)
{
	FILE *to = fmemopen(ret, size, "w");
	char address[ADDR_TEXT];

	for (size_t i = 0; i < links->count; i++) {
		const struct pod_link *link = &links->items[i];

		fprintf(to, "%s%u %s netns %d mac %02x", i ? "; " : "", link->index, link->row.name,
			link->row.netns, link->row.gateway[MAC_SIZE - 1]);
		fprintf(to, "%s%s", link->row.flags & INTERFACE_GUARDED_V4 ? " v4" : "",
			link->row.flags & INTERFACE_GUARDED_V6 ? " v6" : "");
		for (size_t j = 0; j < link->n_addresses; j++)
			fprintf(to, " %s", addr_print(&link->addresses[j], address));
	}
	fclose(to);
}
