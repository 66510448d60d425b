/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Polling: maps tell nobody that they changed. */
#include "cmd/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct watching {
	const struct cli *cli;
	struct sheet_widths widths;
};

static int print_event(void *arg, enum sheet_event event, const struct sheet *sheet, size_t row)
{
	struct watching *w = arg;

	return sheet_print_event(event, sheet, row, w->cli->output, &w->widths, stdout);
}

/* A descriptor that can be read once somebody wants us to end. */
static int catch_signals(void)
{
	sigset_t ends;

	/* Who reads may go away: that is no reason to die of a signal. */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	return signalfd(-1, &ends, SFD_CLOEXEC);
}

/* Waits for the next look; false: it is over. */
static bool wait_for_turn(int ended, int interval_ms)
{
	struct pollfd fds[] = { { .fd = ended, .events = POLLIN }, { .fd = STDOUT_FILENO } };

	return !poll(fds, ARRAY_LEN(fds), interval_ms);
}

int watch(const struct cli *cli, size_t kind, watch_fill_fn *fill, struct why *why)
{
	_cleanup_(sheet_freep) struct sheet *before = NULL;
	_cleanup_(closep) int ended = catch_signals();
	struct watching w = { .cli = cli };
	int error = 0;

	if (ended < 0)
		return -errno;
	do {
		struct sheet *now = NULL;

		error = fill(cli, kind, &now, why);
		if (!error && !before)
			error = sheet_print_begin(now, cli->output, !cli->no_headers, &w.widths, stdout);
		if (!error)
			error = sheet_compare(before, now, cli->output, print_event, &w);
		if (!error && fflush(stdout))
			error = -errno;
		sheet_free(before);
		before = now;
	} while (!error && wait_for_turn(ended, cli->interval_ms));
	return error == -EPIPE || ferror(stdout) ? 0 : error;
}
