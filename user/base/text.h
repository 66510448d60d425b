/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Strings of the length they need. */
#pragma once

#include <stdarg.h>

#include "base/attr.h"

/* What printf() would print, to be freed; NULL without memory. */
char *text_format(const char *format, ...) _printf_(1, 2);
char *text_vformat(const char *format, va_list args);
