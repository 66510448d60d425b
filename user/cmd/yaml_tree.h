/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A tree that was made for JSON, as YAML. */
#pragma once

#include <stdio.h>

#include <yyjson.h>

/* Returns 0 or -EIO. */
int yaml_tree_print(const yyjson_mut_val *root, FILE *to);
