/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets as the kernel's own stack sends them: their TCP and UDP checksums are left to the last device
 * (CHECKSUM_PARTIAL), or not, as with resets over IPv4. They leave through one end of a veth, where the shim stands,
 * and are looked at behind the other; a checksum that is still to be finished is finished as a device does it.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <criterion/criterion.h>

#include "fixture.h"

static const uint8_t gateway[WIRE_MAC] = { 2, 0xbb, 0, 0, 0, 9 };
static const uint8_t options[12] = { 2, 4, 5, 180, 4, 2, 1, 1, 1, 3, 3, 7 };

/* Of the node, and of those behind the veth. */
static const char *const here[] = { "fd77::1", "10.77.0.1" };
static const char *const there[] = { "fd77::2", "10.77.0.2" };
static const char *const elsewhere[] = { "fd77:9::3", "10.99.0.3" };

struct line {
	struct fixture f;
	int wire; /* a packet socket at the far end */
};

static void run_command(const char *command)
{
	cr_assert(!system(command), "%s", command);
}

static void attach(struct line *l, struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex("near"), .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(program));

	cr_assert(!bpf_tc_hook_create(&hook));
	cr_assert(!bpf_tc_attach(&hook, &options), "%s", bpf_program__name(program));
	memcpy(l->f.shim->bss->shim_packet.mac, gateway, sizeof(gateway));
}

/* In a network namespace of the test's own, which ends with it. */
static struct line line_open(void)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct timeval patience = { .tv_sec = 5 };
	struct line l = { .f = fixture_open_packets() };
	int yes = 1;

	cr_assert(!unshare(CLONE_NEWNET), "%s", strerror(errno));
	run_command("ip link add near address 02:ee:00:00:00:01 type veth peer name far address "
		    "02:ee:00:00:00:02");
	run_command("ip link set far up && ip link set near up");
	run_command("ip addr add 10.77.0.1/24 dev near && ip addr add fd77::1/64 dev near nodad");
	run_command("ip neigh add 10.77.0.2 lladdr 02:ee:00:00:00:02 dev near");
	run_command("ip neigh add fd77::2 lladdr 02:ee:00:00:00:02 dev near");
	l.wire = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	address.sll_ifindex = (int)if_nametoindex("far");
	cr_assert(l.wire >= 0 && !bind(l.wire, (struct sockaddr *)&address, sizeof(address)));
	cr_assert(!setsockopt(l.wire, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof(yes)));
	cr_assert(!setsockopt(l.wire, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
	return l;
}

static void line_close(struct line *l)
{
	close(l->wire);
	fixture_close(&l->f);
}

/* The next frame that has come to the far end. `ret_finished`: its checksum was. */
static struct wire read_frame(struct line *l, bool *ret_finished)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct wire w = { .l3 = WIRE_ETHERNET };
	struct iovec buffer = { w.bytes, sizeof(w.bytes) };
	struct sockaddr_ll from;
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &buffer,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct tpacket_auxdata data;
	ssize_t size;

	do {
		message.msg_controllen = sizeof(control);
		size = recvmsg(l->wire, &message, 0);
		cr_assert_gt(size, 0, "nothing has come: %s", strerror(errno));
	} while (from.sll_pkttype == PACKET_OUTGOING);
	memcpy(&data, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(data));
	*ret_finished = !(data.tp_status & TP_STATUS_CSUMNOTREADY);
	w.size = (unsigned)size;
	return w;
}

/* As the last device does: the field holds the sum of the pseudo-header. */
static void finish(struct wire *w, unsigned l4, unsigned field)
{
	wire_put16(w, l4 + field, wire_fold(wire_sum(w->bytes + l4, w->size - l4, 0)));
}

/* Waits for a frame of this family and protocol, without other headers, and finishes it. True: that was needed. */
static bool await(struct line *l, bool v4, uint8_t protocol, struct wire *ret)
{
	unsigned l4 = WIRE_ETHERNET + (v4 ? 20 : 40);
	uint8_t number;
	bool finished;

	do {
		*ret = read_frame(l, &finished);
		number = ret->bytes[WIRE_ETHERNET + (v4 ? 9 : 6)];
	} while (ret->bytes[12] != (v4 ? 0x08 : 0x86) || number != protocol);
	if (!finished)
		finish(ret, l4, protocol == IPPROTO_TCP ? 16 : 6);
	return !finished;
}

static void put_frame(struct line *l, const struct spec *spec)
{
	struct wire w = wire_build(spec);

	cr_assert_eq(send(l->wire, w.bytes, w.size, 0), (ssize_t)w.size);
}

static struct spec spec_to_here(bool v4, uint8_t protocol, uint16_t port)
{
	return (struct spec){
		.name = v4 ? "v4" : "v6",
		.v4 = v4,
		.tuple = { there[v4], here[v4], 4321, port },
		.protocol = protocol,
		.flags = WIRE_SYN,
		.sequence = 0x1234567,
		.window = 1000,
		.from_mac = wire_mac[1],
		.to_mac = wire_mac[0],
		.payload = protocol == IPPROTO_UDP ? 11 : 0,
	};
}

static socklen_t socket_address(const char *address, uint16_t port, struct sockaddr_storage *ret)
{
	struct addr a = wire_addr(address);
	struct sockaddr_in6 *v6 = (void *)ret;
	struct sockaddr_in *v4 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (strchr(address, ':')) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		memcpy(&v6->sin6_addr, a.bytes, 16);
		return sizeof(*v6);
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	memcpy(&v4->sin_addr, a.bytes + 12, 4);
	return sizeof(*v4);
}

static int open_socket(bool v4, int type)
{
	int fd = socket(v4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	return fd;
}

/* Every checksum of a frame without options in its headers. */
static void assert_checksums(const struct wire *w, bool v4, uint8_t protocol)
{
	unsigned l4 = WIRE_ETHERNET + (v4 ? 20 : 40), field = l4 + (protocol == IPPROTO_TCP ? 16 : 6);
	struct wire copy = *w;
	struct addr ends[2] = { 0 };
	uint16_t sum;

	for (unsigned i = 0; i < 2; i++) {
		if (!v4) {
			memcpy(&ends[i], w->bytes + 22 + 16 * i, 16);
			continue;
		}
		memcpy(ends[i].bytes + 10, "\xff\xff", 2);
		memcpy(ends[i].bytes + 12, w->bytes + 26 + 4 * i, 4);
	}
	if (v4)
		cr_assert_eq(wire_fold(wire_sum(w->bytes + WIRE_ETHERNET, 20, 0)), 0, "of the header");
	wire_put16(&copy, field, 0);
	sum = wire_checksum(&ends[0], &ends[1], protocol, copy.bytes + l4, copy.size - l4);
	wire_put16(&copy, field, sum ?: protocol == IPPROTO_UDP ? 0xffff : 0);
	assert_same(w, &copy, v4 ? "v4" : "v6");
}

/* A datagram, or the SYN of a connect, under another address and other ports. */
static void assert_translates(struct line *l, bool v4, int type)
{
	uint8_t protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	struct shim_packet *p = &l->f.shim->bss->shim_packet;
	unsigned l3 = WIRE_ETHERNET, l4 = l3 + (v4 ? 20 : 40);
	struct addr target = wire_addr(elsewhere[v4]);
	struct sockaddr_storage address;
	socklen_t size = socket_address(there[v4], 8080, &address);
	struct wire w;
	int fd = open_socket(v4, type);

	p->address = target;
	p->remote_port = 9090;
	p->local_port = 55555;
	cr_assert(!connect(fd, (void *)&address, size) || errno == EINPROGRESS, "%s", strerror(errno));
	if (type == SOCK_DGRAM)
		cr_assert_eq(send(fd, "odd", 3, 0), 3);
	cr_assert(await(l, v4, protocol, &w), "the checksum was finished already");
	cr_assert(!memcmp(w.bytes + l3 + (v4 ? 16 : 24), target.bytes + (v4 ? 12 : 0), v4 ? 4 : 16));
	cr_assert_eq(w.bytes[l4] << 8 | w.bytes[l4 + 1], 55555);
	cr_assert_eq(w.bytes[l4 + 2] << 8 | w.bytes[l4 + 3], 9090);
	assert_checksums(&w, v4, protocol);
	close(fd);
}

Test(offload, own_packets_are_translated)
{
	struct line l = line_open();

	attach(&l, l.f.shim->progs.shim_out);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		assert_translates(&l, v4, SOCK_DGRAM);
		assert_translates(&l, v4, SOCK_STREAM);
	}
	line_close(&l);
}

static struct spec moved_syn(struct line *l, bool v4)
{
	struct shim_packet *p = &l->f.shim->bss->shim_packet;
	struct spec syn = {
		.name = v4 ? "v4" : "v6",
		.v4 = v4,
		.tuple = { there[v4], elsewhere[v4], 55555, 9090 },
		.protocol = IPPROTO_TCP,
		.flags = WIRE_SYN,
		.sequence = 0x1234567,
		.window = 1000,
		.option_bytes = options,
		.options = sizeof(options),
		.ttl = 64,
		.forged = true,
		.from_mac = wire_mac[1],
		.to_mac = gateway,
	};

	p->client = wire_addr(syn.tuple.source);
	p->address = wire_addr(syn.tuple.target);
	p->local_port = syn.tuple.source_port;
	p->remote_port = syn.tuple.target_port;
	p->syn = (struct syn_copy){
		.sequence = syn.sequence, .window = syn.window, .flags = syn.flags, .length = sizeof(options)
	};
	memcpy(p->syn.options, options, sizeof(options));
	return syn;
}

/* Nobody listens: the stack answers a SYN with a reset, and a datagram with an ICMP error. */
Test(offload, own_refusals_become_syns)
{
	struct line l = line_open();

	attach(&l, l.f.shim->progs.shim_syn);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct spec syn = moved_syn(&l, v4), refused = spec_to_here(v4, IPPROTO_TCP, 81);
		struct wire expected = wire_build(&syn), w;

		put_frame(&l, &refused);
		/* Over IPv4 the stack finishes those. */
		cr_assert_eq(await(&l, v4, IPPROTO_TCP, &w), !v4);
		assert_same(&w, &expected, "reset");
		refused = spec_to_here(v4, IPPROTO_UDP, 81);
		put_frame(&l, &refused);
		await(&l, v4, IPPROTO_TCP, &w);
		assert_same(&w, &expected, "icmp");
	}
	line_close(&l);
}

Test(offload, own_answers_become_resets)
{
	struct line l = line_open();

	attach(&l, l.f.shim->progs.shim_reset);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct spec syn = spec_to_here(v4, IPPROTO_TCP, 82);
		struct spec reset = {
			.v4 = v4,
			.tuple = syn.tuple,
			.protocol = IPPROTO_TCP,
			.flags = WIRE_RST,
			.sequence = syn.sequence + 1,
			.ttl = 64,
			.forged = true,
			.from_mac = wire_mac[1],
			.to_mac = gateway,
		};
		struct wire expected = wire_build(&reset), w;
		struct sockaddr_storage address;
		socklen_t size = socket_address(here[v4], 82, &address);
		int fd = open_socket(v4, SOCK_STREAM);

		cr_assert(!bind(fd, (void *)&address, size) && !listen(fd, 8), "%s", strerror(errno));
		put_frame(&l, &syn);
		cr_assert(await(&l, v4, IPPROTO_TCP, &w), "the checksum was finished already");
		assert_same(&w, &expected, "syn-ack");
		close(fd);
	}
	line_close(&l);
}
