/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What messages of the kernel make of the table, and what the table makes of the node's interfaces. */
#include <linux/rtnetlink.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/attr.h"
#include "links.h"

#define UPLINK "link 2 eth0 mac=02; route 0.0.0.0/0 dev 2 via; route ::/0 dev 2 via metric=1024;"
#define BRIDGE "link 3 br0 kind=bridge mac=03;"
#define POD "link 5 veth5 kind=veth netns=1 peer=2 mac=05;"

static const struct {
	const char *what;
	const char *says;
	struct pod_link_options options;
	const char *wanted;
} cases[] = {
	/* By default. */
	{ "a port of a bridge",
	  UPLINK BRIDGE "link 5 veth5 kind=veth netns=1 master=3 mac=05",
	  { 0 },
	  "5 veth5 netns 1 mac 03" },
	{ "routed, of both families",
	  UPLINK POD "route 10.0.0.5/32 dev 5; route fd00::5/128 dev 5 metric=1024",
	  { 0 },
	  "5 veth5 netns 1 mac 05 v4 v6 10.0.0.5 fd00::5" },
	{ "routed, of one", POD "route fd00::5/128 dev 5", { 0 }, "5 veth5 netns 1 mac 05 v6 fd00::5" },
	{ "several addresses, one by two routes",
	  POD "route 10.0.0.9/32 dev 5; route 10.0.0.5/32 dev 5; route 10.0.0.9/32 dev 5 table=7",
	  { 0 },
	  "5 veth5 netns 1 mac 05 v4 10.0.0.5 10.0.0.9" },
	{ "neither routed nor a port", UPLINK BRIDGE POD, { 0 }, "" },
	{ "a port of what is no bridge",
	  POD "link 3 vrf0 kind=vrf; link 5 veth5 kind=veth netns=1 master=3",
	  { 0 },
	  "" },
	{ "routed in a VRF",
	  "link 3 vrf0 kind=vrf mac=03;"
	  "link 5 veth5 kind=veth netns=1 master=3 mac=05; route 10.0.0.5/32 dev 5 table=10",
	  { 0 },
	  "5 veth5 netns 1 mac 05 v4 10.0.0.5" },
	{ "both ends on the node", BRIDGE "link 5 veth5 kind=veth peer=6 master=3", { 0 }, "" },
	{ "a namespace without an id",
	  POD "link 5 veth5 kind=veth netns=-1 mac=05; route 10.0.0.5/32 dev 5",
	  { 0 },
	  "5 veth5 netns -1 mac 05 v4 10.0.0.5" },
	{ "no veth", BRIDGE "link 5 tap5 kind=tun master=3; link 6 eth1 master=3", { 0 }, "" },
	{ "the cable between two nodes",
	  POD "route 10.1.0.0/24 dev 5; route 10.2.0.0/16 dev 5 via",
	  { 0 },
	  "" },
	{ "a route to one address behind a gateway", POD "route 10.0.0.5/32 dev 5 via", { 0 }, "" },
	{ "link-local routes", POD "route fe80::1/128 dev 5; route ff02::1/128 dev 5", { 0 }, "" },
	{ "link-local routes beside others",
	  POD "route fe80::/64 dev 5; route ff00::/8 dev 5; route fd00::5/128 dev 5",
	  { 0 },
	  "5 veth5 netns 1 mac 05 v6 fd00::5" },
	{ "an address of the node on it",
	  POD "route fd00::1/128 dev 5; route fd00::1/128 dev 1 table=255 type=2; route 10.0.0.5/32 dev 5",
	  { 0 },
	  "5 veth5 netns 1 mac 05 v4 10.0.0.5" },
	{ "nothing but an address of the node",
	  POD "route fd00::1/128 dev 1 table=255 type=2; route fd00::1/128 dev 5",
	  { 0 },
	  "" },
	{ "routes that refuse", POD "route 10.0.0.5/32 dev 5 type=7", { 0 }, "" },
	{ "in the order of their indexes",
	  BRIDGE "link 9 b kind=veth netns=2 master=3; link 7 a kind=veth netns=1 master=3",
	  { 0 },
	  "7 a netns 1 mac 03; 9 b netns 2 mac 03" },

	/* Guards. */
	{ "a wider route",
	  POD "route 10.0.0.5/32 dev 5; route fd00::5/128 dev 5; route 10.9.0.0/24 dev 5",
	  { 0 },
	  "5 veth5 netns 1 mac 05 v6 fd00::5" },
	{ "a host behind a gateway",
	  POD "route 10.0.0.5/32 dev 5; route 10.9.0.1/32 dev 5 via",
	  { 0 },
	  "5 veth5 netns 1 mac 05" },
	{ "spoofing allowed",
	  POD "route 10.0.0.5/32 dev 5; route fd00::5/128 dev 5",
	  { .may_spoof = "x,veth*" },
	  "5 veth5 netns 1 mac 05" },
	{ "spoofing allowed for others",
	  POD "route 10.0.0.5/32 dev 5",
	  { .may_spoof = "x,veth,*6" },
	  "5 veth5 netns 1 mac 05 v4 10.0.0.5" },

	/* By name. */
	{ "named",
	  UPLINK BRIDGE POD "link 1 lo lo",
	  { .interfaces = "*" },
	  "3 br0 netns -1 mac 03; 5 veth5 netns 1 mac 05" },
	{ "named by one of several globs",
	  BRIDGE POD "link 6 b kind=veth netns=2 master=3",
	  { .interfaces = "eth?,veth[5-7]" },
	  "5 veth5 netns 1 mac 05" },
	{ "none named", BRIDGE POD "link 6 b kind=veth netns=2 master=3", { .interfaces = "" }, "" },
	{ "named, with a host route, but no pod's",
	  "link 4 eth1 mac=04; route 10.0.0.1/32 dev 4",
	  { .interfaces = "eth1" },
	  "4 eth1 netns -1 mac 04" },
	{ "a virtual machine",
	  "link 4 tap4 kind=tun mac=04; route 10.0.0.1/32 dev 4",
	  { .interfaces = "tap*" },
	  "4 tap4 netns -1 mac 04 v4 10.0.0.1" },

	/* The uplink. */
	{ "a default route through it", POD "route 10.0.0.5/32 dev 5; route 0.0.0.0/0 dev 5 via", { 0 }, "" },
	{ "a default route of IPv6", POD "route 10.0.0.5/32 dev 5; route ::/0 dev 5 via", { 0 }, "" },
	{ "one of several hops of it", POD "route 10.0.0.5/32 dev 5; route 0.0.0.0/0 hops=2,5", { 0 }, "" },
	{ "a default route of another table",
	  POD "route fd00::5/128 dev 5; route 0.0.0.0/0 dev 5 table=100",
	  { 0 },
	  "5 veth5 netns 1 mac 05 v6 fd00::5" },
	{ "named, and the default route with it",
	  POD "route 0.0.0.0/0 dev 5",
	  { .interfaces = "veth5" },
	  "" },
	{ "given", POD "route 10.0.0.5/32 dev 5", { .uplink = "veth5" }, "" },
	{ "given, so that the default route says nothing",
	  POD "route 10.0.0.5/32 dev 5; route ::/0 dev 5 via",
	  { .uplink = "eth0" },
	  "5 veth5 netns 1 mac 05 v4 10.0.0.5" },

	/* As things go on. */
	{ "gone", POD "route 10.0.0.5/32 dev 5; unlink 5", { 0 }, "" },
	{ "gone with its routes", POD "route 10.0.0.5/32 dev 5; unlink 5;" POD, { 0 }, "" },
	{ "left its bridge, as the bridge tells it",
	  BRIDGE "link 5 v kind=veth netns=1 master=3; unlink 5 bridge-family",
	  { 0 },
	  "5 v netns 1 mac 03" },
	{ "left its bridge",
	  BRIDGE "link 5 v kind=veth netns=1 master=3 mac=05; link 5 v kind=veth netns=1 mac=05",
	  { 0 },
	  "" },
	{ "the bridge is another",
	  BRIDGE "link 5 v kind=veth netns=1 master=3; link 3 br0 kind=bridge mac=33",
	  { 0 },
	  "5 v netns 1 mac 33" },
	{ "the bridge is gone", BRIDGE "link 5 v kind=veth netns=1 master=3; unlink 3", { 0 }, "" },
	{ "a message of one property",
	  BRIDGE "link 5 v kind=veth netns=1 master=3; link 5 v wireless",
	  { 0 },
	  "5 v netns 1 mac 03" },
	{ "a route is gone",
	  POD "route 10.0.0.5/32 dev 5; route 10.0.0.6/32 dev 5; unroute 10.0.0.5/32 dev 5",
	  { 0 },
	  "5 veth5 netns 1 mac 05 v4 10.0.0.6" },
	{ "a route of another metric stays",
	  POD "route 10.0.0.5/32 dev 5; route 10.0.0.5/32 dev 5 metric=9; unroute 10.0.0.5/32 dev 5",
	  { 0 },
	  "5 veth5 netns 1 mac 05 v4 10.0.0.5" },
	{ "a route replaced by one elsewhere",
	  POD "link 6 b kind=veth netns=2 mac=06; route 10.0.0.5/32 dev 5; route 10.0.0.5/32 dev 6 replace",
	  { 0 },
	  "6 b netns 2 mac 06 v4 10.0.0.5" },
	{ "a route replaced by a refusal",
	  POD "route 10.0.0.5/32 dev 5; route 10.0.0.5/32 type=6 replace",
	  { 0 },
	  "" },
	{ "taken down, which takes its routes",
	  POD "route 10.0.0.5/32 dev 5; link 5 veth5 kind=veth netns=1 down",
	  { 0 },
	  "" },
	{ "what the route cache says", POD "route 10.0.0.5/32 dev 5 cloned", { 0 }, "" },
};

Test(link, which_lead_to_pods)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(link_table_done) struct link_table table = { 0 };
		_cleanup_(pod_links_done) struct pod_links links = { 0 };
		char text[512] = "";

		links_feed(&table, cases[i].says);
		cr_assert(!pod_links_choose(&table, &cases[i].options, &links));
		links_print(&links, text, sizeof(text));
		cr_expect_str_eq(text, cases[i].wanted, "%s: got '%s', wanted '%s'", cases[i].what, text,
				 cases[i].wanted);
	}
}

static const struct {
	const char *what;
	const char *before, *then;
	bool changed, stale;
	uint32_t doubt;
} news[] = {
	{ "an interface", "", POD, true, false, 0 },
	{ "the same once more", POD, POD, false, false, 0 },
	{ "an interface that was never there goes", "", "unlink 5", false, false, 0 },
	{ "the same route once more", POD "route 10.0.0.5/32 dev 5", "route 10.0.0.5/32 dev 5", false, false,
	  0 },
	{ "a wide route through hardware", UPLINK, "route 10.0.0.0/8 dev 2 via; unroute 10.0.0.0/8 dev 2 via",
	  false, false, 0 },
	{ "a gateway goes, and another may be left", UPLINK, "unroute 0.0.0.0/0 dev 2 via", true, true, 0 },
	{ "one of two replaced", POD "route 10.0.0.5/32 dev 5; route 10.0.0.5/32 dev 6",
	  "route 10.0.0.5/32 dev 7 replace", true, true, 0 },
	{ "an address of IPv4 goes", POD, "unaddress 4", false, true, 0 },
	{ "an address of IPv6 goes", POD, "unaddress 6", false, false, 0 },
	{ "the other end of a veth moves", "link 5 a kind=veth peer=6; link 6 b kind=veth peer=5",
	  "unlink 6 peer=5 moving", true, false, 5 },
	{ "one end moves back home", "link 5 a kind=veth peer=2 netns=1", "unlink 5 peer=2 netns=1 moving",
	  true, false, 0 },
	{ "a port of a bridge", "", "link 5 a bridge-family", false, false, 0 },
};

Test(link, what_messages_mean)
{
	for (size_t i = 0; i < ARRAY_LEN(news); i++) {
		_cleanup_(link_table_done) struct link_table table = { 0 };

		links_feed(&table, news[i].before);
		table.changed = table.stale = false;
		links_feed(&table, news[i].then);
		cr_expect_eq(table.changed, news[i].changed, "%s: changed", news[i].what);
		cr_expect_eq(table.stale, news[i].stale, "%s: stale", news[i].what);
		cr_expect_eq(table.doubt, news[i].doubt, "%s: in doubt of %u", news[i].what, table.doubt);
	}
}

Test(link, an_index_that_is_used_again_is_another_interface)
{
	_cleanup_(link_table_done) struct link_table table = { 0 };
	uint64_t born;

	links_feed(&table, POD);
	born = link_find(&table, 5)->born;
	links_feed(&table, "link 5 renamed kind=veth netns=1");
	cr_assert_eq(link_find(&table, 5)->born, born);
	cr_assert_str_eq(link_find(&table, 5)->name, "renamed");
	links_feed(&table, "unlink 5;" POD);
	cr_assert_gt(link_find(&table, 5)->born, born);
}

Test(link, messages_that_are_cut_are_passed_over)
{
	_cleanup_(link_table_done) struct link_table table = { 0 };
	static const uint16_t types[] = { RTM_NEWLINK, RTM_DELLINK, RTM_NEWROUTE, RTM_DELROUTE, RTM_DELADDR };
	_Alignas(struct nlmsghdr) char buffer[64] = { 0 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		message->nlmsg_type = types[i];
		cr_assert(!link_table_feed(&table, message));
	}
	cr_assert_not(table.changed || table.stale);
}
