/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The terminal: lines with a style, and keys. The one place that knows curses. */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "base/why.h"

enum screen_style {
	STYLE_PLAIN,
	STYLE_TITLE,
	STYLE_HEADING,
	STYLE_SELECTED,
	STYLE_GOOD,
	STYLE_WARN,
	STYLE_BAD,
	STYLE_COUNT,
};

/* Other keys are their characters. */
enum screen_key {
	KEY_NOTHING = -1, /* time is over, or a signal came */
	KEY_GONE = -2,	  /* the terminal is */
	KEY_RESIZED = 0x10000,
	KEY_GO_UP,
	KEY_GO_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_FIRST,
	KEY_LAST,
	KEY_ENTERED,
	KEY_ESCAPE,
	KEY_ERASE,
};

/* Takes the terminal over; screen_close() gives it back as it was. Returns 0 or a negative errno with `why`. */
int screen_open(struct why *why);
void screen_close(void);

void screen_size(int *ret_lines, int *ret_columns);

/* What is not drawn again is blank in the next frame. */
void screen_begin(void);
void screen_line(int line, enum screen_style style, const char *text);
void screen_end(void);

/* `waiting` are the signals that are blocked meanwhile; a signal that comes ends the waiting. */
int screen_key(int timeout_ms, const sigset_t *waiting);
