/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines to stderr. */
#include "base/log.h"

#include <string.h>
#include <unistd.h>

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
	char line[2048];
	size_t length;
	int written;

	if (level > max_level)
		return;
	length = (size_t)snprintf(line, sizeof(line), "%s", prefixes[level]);
	written = vsnprintf(line + length, sizeof(line) - length, format, args);
	if (written < 0)
		return;
	/* What does not fit is cut; the newline always does. */
	length = strlen(line);
	if (length == sizeof(line) - 1)
		length--;
	line[length] = '\n';
	/* One write, so that lines of several processes do not mix; there is nobody to tell if it fails. */
	if (write(STDERR_FILENO, line, length + 1) < 0)
		return;
}
