/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines to stderr. */
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/attr.h"

static enum log_level max_level = LOG_INFO;

/* What goes well is said plainly: scripts wait for the line "ready". */
static const char *const prefixes[] = {
	[LOG_ERROR] = "error: ",
	[LOG_WARN] = "warning: ",
	[LOG_INFO] = "",
	[LOG_DEBUG] = "debug: ",
};

void log_set_level(enum log_level level)
{
	max_level = level;
}

void log_line(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_vline(level, format, args);
	va_end(args);
}

void log_vline(enum log_level level, const char *format, va_list args)
{
	_cleanup_(freep) char *text = NULL, *line = NULL;
	int length;

	if (level > max_level || vasprintf(&text, format, args) < 0)
		return;
	length = asprintf(&line, "%s%s\n", prefixes[level], text);
	/* One write, so that lines of several processes do not mix; there is nobody to tell if it fails. */
	if (length < 0 || write(STDERR_FILENO, line, (size_t)length) < 0)
		return;
}
