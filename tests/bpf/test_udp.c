/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pairs of an unconnected UDP socket. */
#include <netinet/in.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "fixture.h"

/* A send to the service at `port`, whose endpoint is `endpoint` if one has to be chosen. */
static struct shim_udp send_to(struct fixture *f, uint32_t service, unsigned port, uint64_t endpoint)
{
	struct shim_udp c = {
		.key = fixture_key("10.96.0.1", port),
		.endpoint = endpoint,
		.service = service,
		.port = 53,
	};
	char address[ADDR_TEXT];

	snprintf(address, sizeof(address), "10.0.0.%u", (unsigned)endpoint);
	cr_assert(!addr_parse(address, &c.address));
	run(f->shim->progs.shim_udp, &c, sizeof(c));
	return c;
}

Test(udp, choice_sticks_while_the_endpoint_serves)
{
	struct fixture f = fixture_open();

	put_member(&f, 1, 1, MEMBER_SERVING);
	cr_assert(!send_to(&f, 1, 53, 1).stuck);
	cr_assert(send_to(&f, 1, 53, 1).stuck);
	put_member(&f, 1, 1, 0);
	cr_assert(!send_to(&f, 1, 53, 1).stuck);
	fixture_close(&f);
}

Test(udp, service_made_anew_is_another_service)
{
	struct fixture f = fixture_open();

	put_member(&f, 1, 1, MEMBER_SERVING);
	put_member(&f, 2, 1, MEMBER_SERVING);
	send_to(&f, 1, 53, 1);
	cr_assert(!send_to(&f, 2, 53, 1).stuck);
	fixture_close(&f);
}

Test(udp, eight_services_at_a_time)
{
	struct fixture f = fixture_open();

	for (uint32_t i = 1; i <= UDP_PAIRS; i++) {
		put_member(&f, i, i, MEMBER_SERVING);
		send_to(&f, i, 1000 + i, i);
	}
	for (uint32_t i = 1; i <= UDP_PAIRS; i++) {
		struct shim_udp c = send_to(&f, i, 1000 + i, i);

		cr_assert(c.stuck, "service %u", i);
		cr_assert_eq(c.answered_port, 1000 + i);
	}
	cr_assert_eq(counted(&f, REASON_UDP_PAIR_EVICTED), 0);
	fixture_close(&f);
}

Test(udp, ninth_service_takes_the_place_of_the_least_recent)
{
	struct fixture f = fixture_open();

	for (uint32_t i = 1; i <= UDP_PAIRS + 1; i++)
		put_member(&f, i, i, MEMBER_SERVING);
	for (uint32_t i = 1; i <= UDP_PAIRS; i++)
		send_to(&f, i, 1000 + i, i);
	send_to(&f, 1, 1001, 1); /* now service 2 is the least recent */
	cr_assert(!send_to(&f, 9, 1009, 9).stuck);
	cr_assert_eq(counted(&f, REASON_UDP_PAIR_EVICTED), 1);
	cr_assert(send_to(&f, 1, 1001, 1).stuck);
	cr_assert(send_to(&f, 9, 1009, 9).stuck);
	cr_assert(!send_to(&f, 2, 1002, 2).stuck);
	fixture_close(&f);
}

Test(udp, answer_of_a_shared_endpoint_is_for_the_last_sender)
{
	struct fixture f = fixture_open();

	put_member(&f, 1, 5, MEMBER_SERVING);
	put_member(&f, 2, 5, MEMBER_SERVING);
	cr_assert_eq(send_to(&f, 1, 1001, 5).answered_port, 1001);
	cr_assert_eq(send_to(&f, 2, 1002, 5).answered_port, 1002);
	cr_assert_eq(send_to(&f, 1, 1001, 5).answered_port, 1001);
	fixture_close(&f);
}
