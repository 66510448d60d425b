/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A table of interfaces that is kept equal to the kernel's, of the network namespace in which it was opened. */
#pragma once

#include "base/why.h"
#include "link/table.h"

struct follower;

/* Returns with the table complete. 0 or a negative errno with `why`. */
int follow_open(struct why *why, struct follower **ret);
void follow_close(struct follower *follower); /* also NULL */

/* Readable when there is news; belongs to the follower. */
int follow_fd(const struct follower *follower);

/*
 * Takes in what news there is. Where messages were lost everything is read anew, and every interface counts as newly
 * born, as it might be another one. *ret_changed tells whether the table may be another now. Returns 0 or a negative
 * errno with `why`: the table is not complete, and the next call tries again.
 */
int follow_read(struct follower *follower, bool *ret_changed, struct why *why);

const struct link_table *follow_table(const struct follower *follower);
