/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An end of a connection: what it sends, and a look at every byte that it reads. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "stress.h"

enum {
	PIECES_MOST = 8,
};

static const uint64_t MAGIC = 0x3158464554534552u;

struct end *end_new(int fd, enum side side)
{
	struct end *end = calloc(1, sizeof(*end));

	if (!end)
		abort();
	end->fd = fd;
	end->side = side;
	end->writable = true;
	end->begin_ns = now_ns();
	end->deadline_ns = end->begin_ns + (uint64_t)DEADLINE_MS * 1000000;
	end->manner.read_most = READ_MOST;
	return end;
}

void end_plan(struct end *end)
{
	end->head.magic = MAGIC;
	for (int side = 0; side < SIDES; side++)
		end->key[side] = random_mix(end->head.seed * SIDES + (uint64_t)side);
	end->random.state = end->key[end->side] ^ 0x6d616e6e6572u;
	plan_make(end->head.seed, end->head.flags, &end->plan);
	manner_make(&end->random, end->head.flags, &end->manner);
	end->planned = true;
}

void end_tune(const struct end *end)
{
	const struct manner *manner = &end->manner;
	int on = 1;

	if (manner->receive_buffer) {
		setsockopt(end->fd, SOL_SOCKET, SO_RCVBUF, &manner->receive_buffer, sizeof(int));
		setsockopt(end->fd, SOL_SOCKET, SO_SNDBUF, &manner->send_buffer, sizeof(int));
	}
	/* The others are left to Nagle. */
	if (end->key[0] % 8)
		setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* ---- sending ---- */

bool end_may_send(struct end *end, uint64_t now)
{
	const struct plan *plan = &end->plan;
	uint32_t number = end->message;

	if (!end->planned || number == plan->count[end->side])
		return false;
	if (plan->turns && end->side == SIDE_SERVER && end->got < plan->ends[SIDE_CLIENT][number])
		return false;
	if (plan->turns && end->side == SIDE_CLIENT && number &&
	    end->got < plan->ends[SIDE_SERVER][number - 1])
		return false;
	if (end->manner.delay_us && end->delayed == number) {
		end->delayed++;
		end->send_at_ns = now + random_below(&end->random, end->manner.delay_us) * 1000ull;
	}
	return true;
}

static void fill(const struct end *end, unsigned char *bytes, size_t size)
{
	size_t head = 0;

	if (end->side == SIDE_CLIENT && end->sent < sizeof(end->head)) {
		head = sizeof(end->head) - end->sent;
		memcpy(bytes, (const char *)&end->head + end->sent, head < size ? head : size);
	}
	if (head < size)
		stream_fill(end->key[end->side], end->sent + head, bytes + head, size - head);
}

/* Cut where it comes to be. */
static size_t cut(struct end *end, unsigned char *bytes, size_t size, struct iovec *pieces)
{
	size_t count = 0;

	while (size && count < PIECES_MOST) {
		size_t part = size;

		if (count + 1 < end->manner.pieces)
			part = 1 + random_below(&end->random, (uint32_t)size);
		pieces[count].iov_base = bytes;
		pieces[count++].iov_len = part;
		bytes += part;
		size -= part;
	}
	return count;
}

enum step end_send(struct end *end, int flags, const void *to, uint32_t to_length)
{
	static _Thread_local unsigned char bytes[MESSAGE_MOST + sizeof(struct head)];
	struct iovec pieces[PIECES_MOST];
	struct msghdr message = {
		.msg_name = (void *)to,
		.msg_namelen = to_length,
		.msg_iov = pieces,
	};
	uint64_t message_end = end->plan.ends[end->side][end->message];
	ssize_t put;

	fill(end, bytes, message_end - end->sent);
	message.msg_iovlen = cut(end, bytes, message_end - end->sent, pieces);
	put = sendmsg(end->fd, &message, MSG_NOSIGNAL | flags);
	if (put < 0 && (errno == EAGAIN || errno == EINPROGRESS))
		return STEP_WAITS;
	if (put <= 0) {
		report_fault(end, FAULT_ERROR, "send: %s", put ? strerror(errno) : "0");
		return STEP_OVER;
	}
	report_add(&report.sends, 1);
	report_add(&report.sent, (uint64_t)put);
	end->sent += (uint64_t)put;
	if (end->sent == message_end) {
		end->message++;
		report_add(&report.messages, 1);
	}
	return STEP_MOVED;
}

/* ---- reading ---- */

static void tell_wrong(struct end *end, const char *call, uint64_t at, const unsigned char *bytes,
		       size_t size)
{
	enum side from = (enum side) !end->side;
	unsigned char wanted[8] = { 0 }, got[8] = { 0 };
	uint64_t wanted_word, got_word;
	int64_t found = -1;

	stream_fill(end->key[from], at, wanted, sizeof(wanted));
	memcpy(got, bytes, size < sizeof(got) ? size : sizeof(got));
	if (size >= sizeof(got))
		found = stream_find(end->key[from], end->plan.total[from], got, sizeof(got));
	memcpy(&wanted_word, wanted, sizeof(wanted));
	memcpy(&got_word, got, sizeof(got));
	report_fault(end, FAULT_WRONG,
		     "%s: at %llu wanted %016llx, came %016llx (%zu bytes), which stand at %lld", call,
		     (unsigned long long)at, (unsigned long long)wanted_word, (unsigned long long)got_word,
		     size, (long long)found);
}

static bool are_right(struct end *end, const char *call, const unsigned char *bytes, size_t size)
{
	enum side from = (enum side) !end->side;
	size_t right;

	if (end->got + size > end->plan.total[from]) {
		report_fault(end, FAULT_LONG, "%s: %llu bytes of %llu", call,
			     (unsigned long long)(end->got + size),
			     (unsigned long long)end->plan.total[from]);
		return false;
	}
	right = stream_compare(end->key[from], end->got, bytes, size);
	if (right == size)
		return true;
	tell_wrong(end, call, end->got + right, bytes + right, size - right);
	return false;
}

/* The server, until it knows who talks. */
static bool take_head(struct end *end, const unsigned char *bytes, size_t size)
{
	memcpy((char *)&end->head + end->got, bytes, size);
	end->got += size;
	if (end->got < sizeof(end->head))
		return true;
	if (end->head.magic != MAGIC) {
		report_fault(end, FAULT_HEAD, "magic number %016llx", (unsigned long long)end->head.magic);
		return false;
	}
	end_plan(end);
	end_tune(end);
	return true;
}

static enum step at_end(struct end *end)
{
	enum side from = (enum side) !end->side;

	end->ended = true;
	if (!end->planned)
		report_fault(end, FAULT_SHORT, "ended in the head, after %llu bytes",
			     (unsigned long long)end->got);
	else if (end->got != end->plan.total[from])
		report_fault(end, FAULT_SHORT, "ended after %llu bytes of %llu", (unsigned long long)end->got,
			     (unsigned long long)end->plan.total[from]);
	return STEP_OVER;
}

static enum step at_error(struct end *end, const char *call)
{
	if (errno == EAGAIN)
		return STEP_WAITS;
	report_fault(end, FAULT_ERROR, "%s: %s", call, strerror(errno));
	return STEP_OVER;
}

static enum step look(struct end *end, unsigned char *bytes, size_t size, int flags)
{
	ssize_t got = recv(end->fd, bytes, 1 + random_below(&end->random, (uint32_t)size), flags | MSG_PEEK);

	if (got < 0)
		return at_error(end, "peek");
	return !got || are_right(end, "peek", bytes, (size_t)got) ? STEP_MOVED : STEP_OVER;
}

/* To the end of the message: no more is to come before it is answered. */
static size_t rest_of_message(const struct end *end, size_t most)
{
	const uint64_t *ends = end->plan.ends[!end->side];
	uint32_t number = 0;

	while (number < end->plan.count[!end->side] && ends[number] <= end->got)
		number++;
	if (number == end->plan.count[!end->side] || ends[number] - end->got > most)
		return most;
	return ends[number] - end->got;
}

enum step end_receive(struct end *end, int flags)
{
	static _Thread_local unsigned char bytes[READ_MOST];
	size_t size = end->planned ? end->manner.read_most : sizeof(end->head) - end->got;
	ssize_t got;

	if (end->planned && end->manner.peek) {
		enum step step = look(end, bytes, size, flags & ~MSG_WAITALL);

		if (step != STEP_MOVED)
			return step;
	}
	if (flags & MSG_WAITALL)
		size = rest_of_message(end, size);
	got = recv(end->fd, bytes, size, flags);
	if (got < 0)
		return at_error(end, "recv");
	if (!got)
		return at_end(end);
	report_add(&report.received, (uint64_t)got);
	if (!end->planned)
		return take_head(end, bytes, (size_t)got) ? STEP_MOVED : STEP_OVER;
	if (!are_right(end, "recv", bytes, (size_t)got))
		return STEP_OVER;
	end->got += (uint64_t)got;
	if (end->manner.pause_us && end->pauses < PAUSES_MOST) {
		end->pauses++;
		end->read_at_ns = now_ns() + end->manner.pause_us * 1000ull;
	}
	return STEP_MOVED;
}

/* ---- the end ---- */

bool end_finish(struct end *end)
{
	const struct plan *plan = &end->plan;
	enum side from = (enum side) !end->side;
	bool sent_all = end->planned && end->message == plan->count[end->side];

	if (!sent_all || end->done)
		return end->done;
	/* Linux resets what ends before the server has seen that the client is there, if it takes both at once. */
	if (plan->ending == ENDING_HALVES && !end->shut && (!end->opened_fast || end->got)) {
		end->shut = true;
		shutdown(end->fd, SHUT_WR);
	}
	if (plan->ending == (end->side == SIDE_CLIENT ? ENDING_CLIENT : ENDING_SERVER))
		end->done = end->got == plan->total[from];
	else
		end->done = end->ended;
	if (end->done)
		report_done(end);
	return end->done;
}
