/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A directory of YAML and JSON files as a source: *.yaml, *.yml and *.json in it, not below it, none that begins
 * with a dot. A file is read when whoever writes it is done, and again only after it changed. Whatever goes
 * wrong, what was read last stays in force.
 */
#pragma once

#include "source/impl.h"

source_open_fn file_source_open;

/* How many times a file was read so far; for tests. */
size_t file_source_reads(const struct source *source);
