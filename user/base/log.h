/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines to stderr, each written whole. Only agent/ and cmd/ log above debug level; functions below return an
 * error and, where a number does not say enough, fill a struct why.
 */
#pragma once

#include <stdarg.h>

#include "base/attr.h"

enum log_level {
	LOG_ERROR = 0,
	LOG_WARN = 1,
	LOG_INFO = 2,
	LOG_DEBUG = 3,
};

void log_set_level(enum log_level level);
void log_line(enum log_level level, const char *format, ...) _printf_(2, 3);
void log_vline(enum log_level level, const char *format, va_list args);
