/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From rows and pins. */
#include "cmd/get_interfaces.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "kern/attach.h"

const struct column interface_columns[INTERFACE_COLUMNS] = {
	{ "NAME", "name", CELL_TEXT, COLUMN_ALWAYS },
	{ "INDEX", "index", CELL_NUMBER, COLUMN_ALWAYS },
	{ "ROLE", "role", CELL_TEXT, COLUMN_ALWAYS },
	{ "ATTACHED", "attached", CELL_TEXT, COLUMN_ALWAYS },
	{ "NETNS", "netns", CELL_NUMBER, COLUMN_ALWAYS },
	{ "GUARDED", "guarded", CELL_LIST, COLUMN_ALWAYS },
	{ "ADDRESSES", "addresses", CELL_LIST, COLUMN_ALWAYS },
	{ "GATEWAY", "gateway", CELL_TEXT, COLUMN_WIDE },
};

static void add_attachment(struct sheet *sheet, enum attachment attachment)
{
	switch (attachment) {
	case ATTACHED_TCX:
		sheet_text(sheet, "tcx");
		return;
	case ATTACHED_CLSACT:
		sheet_text(sheet, "clsact");
		return;
	case ATTACHED_NOT:
		break;
	}
	sheet_null(sheet);
}

static void add_guards(struct sheet *sheet, uint32_t flags)
{
	bool v4 = flags & INTERFACE_GUARDED_V4, v6 = flags & INTERFACE_GUARDED_V6;

	sheet_text(sheet, v4 && v6 ? "IPv4,IPv6" : v4 ? "IPv4" : v6 ? "IPv6" : "");
}

static void add_addresses(struct sheet *sheet, const struct pod_link *link)
{
	_cleanup_(freep) char *text = calloc(link->n_addresses + 1, ADDR_TEXT + 1);
	char address[ADDR_TEXT], *end = text;

	for (size_t i = 0; text && i < link->n_addresses; i++)
		end += sprintf(end, "%s%s", i ? "," : "", addr_print(&link->addresses[i], address));
	sheet_text(sheet, text ? text : "");
}

static void add_interface(struct sheet *sheet, const struct kern *kern, const struct pod_link *link)
{
	const uint8_t *mac = link->row.gateway;
	char gateway[24];

	sheet_text(sheet, link->row.name);
	sheet_number(sheet, link->index);
	sheet_text(sheet, "pod");
	add_attachment(sheet, kern_attachment(kern, link->index));
	if (link->row.netns < 0)
		sheet_null(sheet);
	else
		sheet_number(sheet, link->row.netns);
	add_guards(sheet, link->row.flags);
	add_addresses(sheet, link);
	snprintf(gateway, sizeof(gateway), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	sheet_text(sheet, gateway);
}

int fill_interfaces(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why)
{
	_cleanup_(pod_links_done) struct pod_links links = { 0 };
	const char *name = cli->n_words > 1 ? cli->words[1] : NULL;
	int error = kern_attach_read(kern, &links, why);

	for (size_t i = 0; i < links.count; i++) {
		if (!name || !strcmp(name, links.items[i].row.name))
			add_interface(sheet, kern, &links.items[i]);
	}
	return error;
}
