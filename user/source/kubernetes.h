/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The source "kubernetes": Services, EndpointSlices, Nodes, TCPRoutes and ReferenceGrants of an API server. */
#pragma once

#include "source/impl.h"

source_open_fn kubernetes_source_open;
