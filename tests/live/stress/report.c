/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was done, and what went wrong: enough to do it again. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "stress.h"

enum {
	TELL_MOST = 20, /* faults in full; of others only the number */
};

struct report report;
uint64_t slow_ns;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const names[FAULTS] = {
	[FAULT_WRONG] = "wrong",     [FAULT_SHORT] = "short", [FAULT_LONG] = "long", [FAULT_HANG] = "hang",
	[FAULT_CONNECT] = "connect", [FAULT_ERROR] = "error", [FAULT_HEAD] = "head",
};

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void report_add(uint64_t *number, uint64_t more)
{
	__atomic_fetch_add(number, more, __ATOMIC_RELAXED);
}

static void print_end(const struct end *end)
{
	static const char *const endings[ENDINGS] = { "halves", "client", "server" };
	const struct plan *plan = &end->plan;
	const struct manner *manner = &end->manner;

	fprintf(stderr, "; sent %llu of %llu, read %llu of %llu; %u and %u messages %s, ends by %s;",
		(unsigned long long)end->sent, (unsigned long long)plan->total[end->side],
		(unsigned long long)end->got, (unsigned long long)plan->total[!end->side],
		plan->count[end->side], plan->count[!end->side], plan->turns ? "by turns" : "both ways",
		endings[plan->ending]);
	fprintf(stderr, " %s%s, reads %u, pauses %u us, delays %u us, buffers %d and %d\n",
		manner->edge ? "edges" : "levels", manner->peek ? ", peeks" : "", manner->read_most,
		manner->pause_us, manner->delay_us, manner->receive_buffer, manner->send_buffer);
	fflush(stderr);
}

static void print_which(const char *what, const struct end *end)
{
	fprintf(stderr, "%s at the %s of connection %u, seed %#llx, flags %u: ", what,
		end->side == SIDE_CLIENT ? "client" : "server", end->head.number,
		(unsigned long long)end->head.seed, end->head.flags);
}

/* The connection is over with its first fault. */
void report_fault(struct end *end, enum fault fault, const char *format, ...)
{
	static unsigned int told;
	va_list words;

	end->done = true;
	report_add(&report.faults[fault], 1);
	pthread_mutex_lock(&lock);
	if (told++ < TELL_MOST) {
		print_which(names[fault], end);
		va_start(words, format);
		vfprintf(stderr, format, words);
		va_end(words);
		print_end(end);
	}
	pthread_mutex_unlock(&lock);
}

void report_done(const struct end *end)
{
	static unsigned int told;
	uint64_t took_ns = now_ns() - end->begin_ns;

	pthread_mutex_lock(&lock);
	report.connections++;
	if (took_ns > report.slowest_ns)
		report.slowest_ns = took_ns;
	if (slow_ns && took_ns >= slow_ns && told++ < TELL_MOST) {
		print_which("slow", end);
		fprintf(stderr, "%llu us", (unsigned long long)took_ns / 1000);
		print_end(end);
	}
	pthread_mutex_unlock(&lock);
}

int report_print(void)
{
	uint64_t errors = 0;

	for (int i = 0; i < FAULTS; i++)
		errors += report.faults[i];
	printf("{\"connections\":%llu,\"messages\":%llu,\"sends\":%llu,\"sent_bytes\":%llu,",
	       (unsigned long long)report.connections, (unsigned long long)report.messages,
	       (unsigned long long)report.sends, (unsigned long long)report.sent);
	printf("\"received_bytes\":%llu,\"spurious\":%llu,\"slowest_ms\":%llu,\"errors\":%llu",
	       (unsigned long long)report.received, (unsigned long long)report.spurious,
	       (unsigned long long)report.slowest_ns / 1000000, (unsigned long long)errors);
	for (int i = 0; i < FAULTS; i++)
		printf(",\"%s\":%llu", names[i], (unsigned long long)report.faults[i]);
	puts("}");
	fflush(stdout);
	return errors ? 1 : 0;
}
