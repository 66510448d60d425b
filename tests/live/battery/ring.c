/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* io_uring, by its system calls. */
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "battery.h"

struct ring {
	int fd;
	struct io_uring_params params;
	char *rings;
	struct io_uring_sqe *sqes;
};

static bool ring_open(struct ring *ring)
{
	size_t size;

	*ring = (struct ring){ .fd = -1 };
	ring->fd = (int)syscall(SYS_io_uring_setup, 8, &ring->params);
	if (ring->fd < 0 || !(ring->params.features & IORING_FEAT_SINGLE_MMAP)) {
		told("ring", "%s", ring->fd < 0 ? strerrorname_np(errno) : "old");
		return false;
	}
	size = ring->params.cq_off.cqes + ring->params.cq_entries * sizeof(struct io_uring_cqe);
	ring->rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, ring->params.sq_entries * sizeof(*ring->sqes), PROT_READ | PROT_WRITE,
			  MAP_SHARED, ring->fd, IORING_OFF_SQES);
	return ring->rings != MAP_FAILED && ring->sqes != MAP_FAILED;
}

/* One request at a time: its entry is always the one that follows the tail. */
static void ring_submit(struct ring *ring, int opcode, int fd, const void *bytes, size_t size, int flags)
{
	unsigned int *tail = (unsigned int *)(ring->rings + ring->params.sq_off.tail);
	unsigned int *array = (unsigned int *)(ring->rings + ring->params.sq_off.array);
	unsigned int slot = *tail & (ring->params.sq_entries - 1);

	ring->sqes[slot] = (struct io_uring_sqe){ .opcode = (uint8_t)opcode,
						  .fd = fd,
						  .addr = (uintptr_t)bytes,
						  .len = (uint32_t)size,
						  .msg_flags = (uint32_t)flags };
	array[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0);
}

static void saw_done(const char *what, struct ring *ring, const char *bytes)
{
	unsigned int *head = (unsigned int *)(ring->rings + ring->params.cq_off.head);
	unsigned int *tail = (unsigned int *)(ring->rings + ring->params.cq_off.tail);
	struct io_uring_cqe *cqes = (struct io_uring_cqe *)(ring->rings + ring->params.cq_off.cqes);
	int result;

	for (int i = 0; i < PATIENCE_MS && __atomic_load_n(tail, __ATOMIC_ACQUIRE) == *head; i++) {
		syscall(SYS_io_uring_enter, ring->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
		usleep(1000);
	}
	if (__atomic_load_n(tail, __ATOMIC_ACQUIRE) == *head) {
		told(what, "pending");
		return;
	}
	result = cqes[*head & (ring->params.cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	errno = -result;
	if (bytes)
		saw_content(what, result < 0 ? -1 : result, bytes);
	else
		saw(what, result < 0 ? -1 : result);
}

static void ring_exchange(struct pair *p)
{
	struct ring ring;
	char bytes[32];

	if (!ring_open(&ring))
		return;
	set_blocking(p->tx, true);
	set_blocking(p->rx, true);
	ring_submit(&ring, IORING_OP_SEND, p->tx, "hello", 5, MSG_NOSIGNAL);
	saw_done("send", &ring, NULL);
	ring_submit(&ring, IORING_OP_RECV, p->rx, bytes, sizeof(bytes), 0);
	saw_done("ready", &ring, bytes);
	/* This one has to wait. */
	ring_submit(&ring, IORING_OP_RECV, p->rx, bytes, sizeof(bytes), 0);
	settle();
	saw("send", put(p->tx, "again"));
	saw_done("waits", &ring, bytes);
	ring_submit(&ring, IORING_OP_RECV, p->rx, bytes, sizeof(bytes), 0);
	shutdown(p->tx, SHUT_WR);
	saw_done("end", &ring, bytes);
}

static void ring_waitall(struct pair *p)
{
	struct ring ring;
	char bytes[32];

	if (!ring_open(&ring))
		return;
	set_blocking(p->rx, true);
	ring_submit(&ring, IORING_OP_RECV, p->rx, bytes, 10, MSG_WAITALL);
	saw("send", put(p->tx, "hell"));
	settle();
	saw("send", put(p->tx, "o you."));
	saw_done("all", &ring, bytes);
}

static void ring_reset(struct pair *p)
{
	struct ring ring;
	char bytes[32];

	if (!ring_open(&ring))
		return;
	set_blocking(p->rx, true);
	ring_submit(&ring, IORING_OP_RECV, p->rx, bytes, sizeof(bytes), 0);
	settle();
	reset_close(p->tx);
	saw_done("reset", &ring, bytes);
}

/* The kernel says twice how it went: that it was sent, and that the buffer is free again. */
static void ring_zerocopy(struct pair *p)
{
	struct ring ring;

	if (!ring_open(&ring))
		return;
	ring_submit(&ring, IORING_OP_SEND_ZC, p->tx, "hello", 5, MSG_NOSIGNAL);
	saw_done("send", &ring, NULL);
	saw_rest("rx", p->rx);
	saw_done("free", &ring, NULL);
	saw("send", put(p->tx, "more"));
	saw_rest("rx", p->rx);
}

const struct test ring_tests[] = { { "ring_exchange", ring_exchange, PASSES, NULL },
				   { "ring_waitall", ring_waitall, PASSES, NULL },
				   { "ring_reset", ring_reset, PASSES, NULL },
				   { "ring_zerocopy", ring_zerocopy, 0, NULL },
				   { 0 } };
