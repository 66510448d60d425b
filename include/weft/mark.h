/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * SO_MARK of the agent's own connections: its hooks leave them alone and count them nowhere. One that does not
 * meet what others use: kube-proxy 0x4000 and 0x8000, Cilium 0x0f00, Calico the upper half, AWS 0x80.
 */
#define AGENT_MARK 0x57
