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

/* The connection is over with its first fault. */
void report_fault(struct end *end, enum fault fault, const char *format, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static const char *const endings[ENDINGS] = { "halves", "client", "server" };
	static unsigned int told;
	const struct plan *plan = &end->plan;
	va_list words;

	end->done = true;
	report_add(&report.faults[fault], 1);
	pthread_mutex_lock(&lock);
	if (told++ < TELL_MOST) {
		fprintf(stderr, "%s at the %s of connection %u, seed %#llx, flags %u: ", names[fault],
			end->side == SIDE_CLIENT ? "client" : "server", end->head.number,
			(unsigned long long)end->head.seed, end->head.flags);
		va_start(words, format);
		vfprintf(stderr, format, words);
		va_end(words);
		fprintf(stderr, "; sent %llu of %llu, read %llu of %llu; %s, ends by %s, %s%s\n",
			(unsigned long long)end->sent, (unsigned long long)plan->total[end->side],
			(unsigned long long)end->got, (unsigned long long)plan->total[!end->side],
			plan->turns ? "by turns" : "both ways", endings[plan->ending],
			end->manner.edge ? "edges" : "levels", end->manner.peek ? ", peeks" : "");
		fflush(stderr);
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
	printf("\"received_bytes\":%llu,\"spurious\":%llu,\"errors\":%llu",
	       (unsigned long long)report.received, (unsigned long long)report.spurious,
	       (unsigned long long)errors);
	for (int i = 0; i < FAULTS; i++)
		printf(",\"%s\":%llu", names[i], (unsigned long long)report.faults[i]);
	puts("}");
	fflush(stdout);
	return errors ? 1 : 0;
}
