/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `weft monitor` is told. The kernel writes only while somebody reads: a reader asks for a short while ahead, again
 * and again, so that one that was killed is forgotten soon.
 */
#pragma once

#include "weft/abi.h"
#include "weft/state.h"

enum monitor_kind {
	MONITOR_REFUSED = 0, /* by weft: the service has no endpoint */
	MONITOR_EJECTED = 1,
	MONITOR_READMITTED = 2,
	MONITOR_SPARED = 3,  /* would have been ejected, but too many are already */
	MONITOR_RESCUED = 4, /* a connect was answered by another endpoint than the one it was sent to */
	MONITOR_HEALED = 5,  /* a UDP socket's datagrams go to another endpoint */
	MONITOR_KINDS = 6,
};

/* Map `monitoring`, one row: what is asked for. Written by the one reader. */
struct monitoring_row {
	uint64_t until_ns; /* CLOCK_MONOTONIC; zero: nobody reads */
	uint32_t kinds;	   /* bits: 1 << enum monitor_kind */
	uint32_t pid;	   /* for messages */
};

/* Map `monitored`, one row. Written by the kernel. */
struct monitored_row {
	uint64_t lost;	      /* events for which there was no room */
	uint64_t reserved[7]; /* zero */
};

enum {
	PROGRAM_NAME_SIZE = 16,
};

/* Ring buffer `monitor`. What is not known is zero. */
struct monitor_event {
	uint64_t time_ns;  /* CLOCK_MONOTONIC */
	uint64_t lost;	   /* so many had been lost by then */
	uint64_t endpoint; /* rescued, healed: that was left */
	uint64_t target;   /* rescued, healed: that it went to */
	uint64_t until_ns; /* of an ejection */
	enum monitor_kind kind;
	uint32_t service;
	enum failure cause;
	uint32_t failures;    /* in a row; rescued: endpoints that failed the connect */
	uint32_t pid;	      /* refused: of the process that connects */
	uint16_t client_port; /* host order */
	uint16_t port;	      /* of `address`, host order */
	struct addr client;
	struct addr address;		 /* refused: that was dialled; rescued, healed: of `endpoint` */
	char program[PROGRAM_NAME_SIZE]; /* refused: of the process, as the kernel has it */
	uint8_t protocol;
	uint8_t reserved[7]; /* zero */
};

_Static_assert(sizeof(struct monitoring_row) == 16, "monitoring_row");
_Static_assert(sizeof(struct monitored_row) == 64, "monitored_row");
_Static_assert(sizeof(struct monitor_event) == 120, "monitor_event");
