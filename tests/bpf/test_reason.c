/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The list of reasons and the fields of their counters must be one list. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>

#include "fixture.h"
#include "kern/load.h"

Test(reason, every_number_has_the_field_of_its_name)
{
	struct shim *shim = shim__open();
	const struct btf *btf = bpf_object__btf(shim->obj);
	int id = btf__find_by_name_kind(btf, "reason", BTF_KIND_ENUM);
	struct stat_names names;
	size_t checked = 0;

	cr_assert_gt(id, 0, "enum reason is not among the types");
	cr_assert(!stat_names_read(&names));
	for (int i = 0; i < btf_vlen(btf__type_by_id(btf, id)); i++) {
		const struct btf_enum *item = &btf_enum(btf__type_by_id(btf, id))[i];
		const char *name = btf__name_by_offset(btf, item->name_off) + strlen("REASON_");

		if (item->val == REASON_COUNT)
			continue;
		cr_assert(!strcasecmp(name, names.items[item->val]), "number %d is %s there and %s here",
			  item->val, name, names.items[item->val]);
		checked++;
	}
	cr_assert_eq(checked, REASON_COUNT);
	stat_names_done(&names);
	shim__destroy(shim);
}
