/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pods by their names, which no map holds: the kubelet's directories know them. */
#pragma once

#include "base/why.h"

/*
 * A process of the pod, by the directory NAMESPACE_NAME_UID in `logs` and the cgroup that bears the uid in its name.
 * Returns 0, or a negative errno with `why`; -ENOENT: no such pod runs here.
 */
int pod_find(const char *logs, const char *namespace, const char *name, long *ret_process, struct why *why);
