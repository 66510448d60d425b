/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where things are pinned. Maps stand in the directory itself under their names. */
#pragma once

#define WEFT_BPFFS "/sys/fs/bpf/weft"
#define WEFT_LINK_DIR "links"
#define WEFT_PROGRAM_DIR "programs"
#define WEFT_FILTER_DIR "filters"
