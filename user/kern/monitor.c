/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The lease, the ring, and the account of what was lost. */
#include "kern/monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/attr.h"
#include "base/clock.h"
#include "kern/pins.h"
#include "weft/names.h"

struct monitor {
	const struct kern *kern;
	struct ring_buffer *ring;
	int lock; /* of the one reader; the agent holds that of the whole directory */
	int map, monitoring, monitored;
	uint32_t kinds;
	uint64_t until_ns;
	bool listening; /* what is read is for the caller, not left from another one */

	uint64_t lost;	      /* as the kernel counts them, told so far */
	uint64_t lost_before; /* of them: before it began */
	uint64_t read;	      /* events */
	uint64_t began;	      /* what the counters were when it began */
	uint64_t unnoticed;   /* while there was no lease, told so far */
	bool lapsed;
	monitor_fn *call;
	void *arg;
};

static void close_maps(struct monitor *m)
{
	closep(&m->map);
	closep(&m->monitoring);
	closep(&m->monitored);
	closep(&m->lock);
}

static int ask(const struct monitor *m, uint64_t until_ns)
{
	struct monitoring_row row = { .until_ns = until_ns, .kinds = until_ns ? m->kinds : 0 };
	uint32_t key = 0;

	row.pid = until_ns ? getpid() : 0;
	return bpf_map_update_elem(m->monitoring, &key, &row, BPF_ANY) ? -errno : 0;
}

static int read_lost(const struct monitor *m, uint64_t *ret)
{
	struct monitored_row row;
	uint32_t key = 0;

	if (bpf_map_lookup_elem(m->monitored, &key, &row))
		return -errno;
	*ret = row.lost;
	return 0;
}

/* How many events of these kinds there have been, read or not: each has its counter. */
static int count_all(const struct monitor *m, uint64_t *ret)
{
	struct stats_row stats;
	int error = kern_stats(m->kern, &stats);
	const uint64_t counts[MONITOR_KINDS] = {
		[MONITOR_REFUSED] = stats.refused_empty + stats.refused_no_local,
		[MONITOR_EJECTED] = stats.ejected,
		[MONITOR_READMITTED] = stats.readmitted,
		[MONITOR_SPARED] = stats.ejection_spared,
		[MONITOR_RESCUED] = stats.rescued,
		[MONITOR_HEALED] = stats.udp_healed,
	};

	*ret = 0;
	for (int kind = 0; !error && kind < MONITOR_KINDS; kind++)
		*ret += m->kinds & 1u << kind ? counts[kind] : 0;
	return error;
}

static int on_sample(void *context, void *data, size_t size)
{
	const struct monitor_event *event = data;
	struct monitor *m = context;
	uint64_t lost = 0;

	if (size < sizeof(*event) || !m->listening)
		return 0;
	m->read++;
	/* Processors that write at the same time may note their numbers in another order. */
	if (event->lost > m->lost) {
		lost = event->lost - m->lost;
		m->lost = event->lost;
	}
	return m->call(m->arg, event, lost);
}

static int open_map(const struct kern *kern, const char *name, int *ret, struct why *why)
{
	*ret = pins_get(kern->dir, NULL, name);
	return *ret < 0 ? why_set(why, *ret, "%s/%s: %s", kern->dir, name, strerror(-*ret)) : 0;
}

static int lock_reader(struct monitor *m, struct why *why)
{
	struct monitoring_row row = { 0 };
	char path[PATH_MAX + sizeof(WEFT_PROGRAM_DIR)];
	uint32_t key = 0;

	/* Any directory of ours will do; nobody else locks that one. */
	snprintf(path, sizeof(path), "%s/%s", m->kern->dir, WEFT_PROGRAM_DIR);
	m->lock = pins_lock(path);
	if (m->lock == -EWOULDBLOCK) {
		bpf_map_lookup_elem(m->monitoring, &key, &row);
		return why_set(why, -EBUSY,
			       "process %u reads the events of %s already; there is one reader at a time, "
			       "end it first",
			       row.pid, m->kern->dir);
	}
	return m->lock < 0 ? why_set(why, m->lock, "%s: %s", path, strerror(-m->lock)) : 0;
}

/* What another reader left goes first. */
static int begin(struct monitor *m, struct why *why)
{
	int error;

	m->ring = ring_buffer__new(m->map, on_sample, m, NULL);
	if (!m->ring)
		return why_set(why, -errno, "%s/monitor: cannot be read: %s", m->kern->dir, strerror(errno));
	error = ask(m, 0);
	if (!error)
		error = ring_buffer__consume(m->ring);
	m->listening = true;
	m->until_ns = clock_now_ns() + MONITOR_LEASE_MS * NS_PER_MS;
	if (error >= 0)
		error = read_lost(m, &m->lost);
	m->lost_before = m->lost;
	if (!error)
		error = ask(m, m->until_ns);
	if (!error)
		error = count_all(m, &m->began);
	return error ? why_set(why, error, "%s: %s", m->kern->dir, strerror(-error)) : 0;
}

int monitor_open(const struct kern *kern, uint32_t kinds, monitor_fn *call, void *arg, struct why *why,
		 struct monitor **ret)
{
	struct monitor *m = calloc(1, sizeof(*m));
	int error;

	if (!m)
		return -ENOMEM;
	*m = (struct monitor){ .kern = kern,
			       .lock = -1,
			       .map = -1,
			       .monitoring = -1,
			       .monitored = -1,
			       .kinds = kinds,
			       .call = call,
			       .arg = arg };
	error = open_map(kern, "monitor", &m->map, why);
	if (!error)
		error = open_map(kern, "monitoring", &m->monitoring, why);
	if (!error)
		error = open_map(kern, "monitored", &m->monitored, why);
	if (!error)
		error = lock_reader(m, why);
	if (!error)
		error = begin(m, why);
	if (error) {
		monitor_close(m);
		return error;
	}
	*ret = m;
	return 0;
}

void monitor_close(struct monitor *m)
{
	if (!m)
		return;
	/* Only who has the lock may write there. */
	if (m->lock >= 0)
		ask(m, 0);
	ring_buffer__free(m->ring);
	close_maps(m);
	free(m);
}

int monitor_fd(const struct monitor *m)
{
	return ring_buffer__epoll_fd(m->ring);
}

/* Nobody counted what happened while there was no lease, but what has been told or lost since the beginning is known. */
static int tell_unnoticed(struct monitor *m, uint64_t all)
{
	uint64_t known = m->began + m->read + m->lost - m->lost_before + m->unnoticed, lost;

	m->lapsed = false;
	if (all <= known)
		return 0;
	lost = all - known;
	m->unnoticed += lost;
	return m->call(m->arg, NULL, lost);
}

int monitor_read(struct monitor *m)
{
	uint64_t all = 0, lost = 0;
	int error = m->lapsed ? count_all(m, &all) : 0;

	if (!error)
		error = ring_buffer__consume(m->ring);
	if (error < 0)
		return error;
	error = read_lost(m, &lost);
	if (!error && lost > m->lost) {
		lost -= m->lost;
		m->lost += lost;
		error = m->call(m->arg, NULL, lost);
	}
	return !error && m->lapsed ? tell_unnoticed(m, all) : error;
}

int monitor_renew(struct monitor *m, struct why *why)
{
	uint64_t now_ns = clock_now_ns();
	int error;

	m->lapsed = m->lapsed || now_ns > m->until_ns;
	m->until_ns = now_ns + MONITOR_LEASE_MS * NS_PER_MS;
	error = ask(m, m->until_ns);
	return error ? why_set(why, error, "%s/monitoring: %s", m->kern->dir, strerror(-error)) : 0;
}
