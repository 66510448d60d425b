/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of /proc/self and the clocks. */
#include "serve/process.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "base/attr.h"
#include "base/clock.h"

static double seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void look_at_memory(struct process *ret)
{
	_cleanup_(fclosep) FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long all, resident;

	if (!file || fscanf(file, "%llu %llu", &all, &resident) != 2)
		return;
	ret->virtual_bytes = all * sysconf(_SC_PAGESIZE);
	ret->resident_bytes = resident * sysconf(_SC_PAGESIZE);
}

static void look_at_files(struct process *ret)
{
	_cleanup_(closedirp) DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	struct rlimit limit;

	while (dir && (entry = readdir(dir)))
		ret->open_fds += entry->d_name[0] != '.';
	/* The one that is open for this. */
	ret->open_fds -= dir != NULL;
	if (!getrlimit(RLIMIT_NOFILE, &limit))
		ret->max_fds = limit.rlim_cur;
}

/* The second field is the name of the program, in brackets; ours has none in it. */
static void look_at_start(struct process *ret)
{
	_cleanup_(fclosep) FILE *file = fopen("/proc/self/stat", "re");
	struct timespec now, up;
	unsigned long long ticks;

	if (!file || fscanf(file, "%*d (%*[^)]) %*c") < 0)
		return;
	if (fscanf(file, "%*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &ticks) != 1)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	ret->started_s = (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / NS_PER_S +
			 (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

void process_look(struct process *ret)
{
	struct rusage usage;

	*ret = (struct process){ 0 };
	if (!getrusage(RUSAGE_SELF, &usage))
		ret->cpu_s = seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
	look_at_memory(ret);
	look_at_files(ret);
	look_at_start(ret);
}
