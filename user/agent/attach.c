/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One follower of interfaces, one memory of what was done for each. */
#include "agent/attach.h"

#include <errno.h>

#include "base/log.h"
#include "link/follow.h"

struct attach {
	const struct kern *kern;
	const struct pod_link_options *options;
	struct follower *follower; /* NULL: nothing is to be attached */
	struct pod_links present;
	bool changed; /* there may be something to do */
	bool unsure;  /* `present` may not be what is there */
	bool blind;   /* the follower may not know all there is */
};

void attach_close(struct attach *attach)
{
	if (!attach)
		return;
	follow_close(attach->follower);
	pod_links_done(&attach->present);
	free(attach);
}

void attach_closep(struct attach **attach)
{
	attach_close(*attach);
}

/* A name that is none would leave the true uplink unprotected. */
static void check_uplink(const struct attach *attach)
{
	const struct link_table *table = follow_table(attach->follower);
	const char *uplink = attach->options->uplink;

	if (uplink && !link_named(table, uplink))
		log_line(LOG_WARN, "there is no interface %s, which --uplink names", uplink);
}

int attach_open(const struct kern *kern, const struct pod_link_options *options, struct why *why,
		struct attach **ret)
{
	_cleanup_(attach_closep) struct attach *attach = calloc(1, sizeof(*attach));
	int error = 0;

	if (!attach)
		return -ENOMEM;
	attach->kern = kern;
	attach->options = options;
	attach->changed = attach->unsure = true;
	if (!kern->no_tc)
		error = follow_open(why, &attach->follower);
	if (error)
		return error;
	if (attach->follower)
		check_uplink(attach);
	*ret = TAKE_PTR(attach);
	return 0;
}

int attach_fd(const struct attach *attach)
{
	return attach->follower ? follow_fd(attach->follower) : -1;
}

int attach_read(struct attach *attach, struct why *why)
{
	bool changed = false;
	int error = 0;

	if (attach->follower)
		error = follow_read(attach->follower, &changed, why);
	attach->changed = attach->changed || changed || error;
	attach->blind = error;
	return error;
}

static int read_present(struct attach *attach, struct why *why)
{
	struct pod_links present;
	int error;

	if (!attach->unsure)
		return 0;
	error = kern_attach_read(attach->kern, &present, why);
	if (error)
		return error;
	pod_links_done(&attach->present);
	attach->present = present;
	attach->unsure = false;
	return 0;
}

/* Where nothing is to be attached, nothing is wanted. */
static int choose(const struct attach *attach, struct pod_links *ret)
{
	return attach->follower ? pod_links_choose(follow_table(attach->follower), attach->options, ret) : 0;
}

int attach_sync(struct attach *attach, struct attach_plan *plan, struct why *why)
{
	_cleanup_(pod_links_done) struct pod_links wanted = { 0 };
	int error;

	if (!attach->changed || attach->blind)
		return 0;
	error = read_present(attach, why);
	if (!error)
		error = choose(attach, &wanted);
	if (!error)
		error = attach_diff(&attach->present, &wanted, plan);
	if (!error)
		error = kern_attach_apply(attach->kern, plan, why);
	if (error) {
		attach->unsure = true;
		return error;
	}
	pod_links_done(&attach->present);
	attach->present = wanted;
	wanted = (struct pod_links){ 0 };
	attach->changed = false;
	return 0;
}

const char *attach_tell(const struct attach_step *step)
{
	if (step->error || !step->changed)
		return NULL;
	switch (step->kind) {
	case STEP_ATTACH:
		return "attached to";
	case STEP_DETACH:
		return "detached from";
	default:
		return NULL;
	}
}
