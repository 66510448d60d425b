/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libyaml's events, in the order of the tree. */
#include "cmd/yaml_tree.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <yaml.h>

#include "base/attr.h"

static void free_read(yyjson_doc **doc)
{
	yyjson_doc_free(*doc);
}

static void free_copy(yyjson_mut_doc **doc)
{
	yyjson_mut_doc_free(*doc);
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, size_t length, yaml_scalar_style_t style)
{
	yaml_event_t event;

	return yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)text, (int)length, 1, 1,
					    style) &&
	       yaml_emitter_emit(emitter, &event);
}

/* Text in quotes, so that no reader takes a name for a number or a truth. */
static bool emit_leaf(yaml_emitter_t *emitter, const yyjson_mut_val *value)
{
	_cleanup_(freep) char *text = NULL;
	size_t length;

	if (yyjson_mut_is_str((yyjson_mut_val *)value))
		return emit_scalar(emitter, yyjson_mut_get_str((yyjson_mut_val *)value),
				   yyjson_mut_get_len((yyjson_mut_val *)value),
				   YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	text = yyjson_mut_val_write(value, 0, &length);
	return text && emit_scalar(emitter, text, length, YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_value(yaml_emitter_t *emitter, const yyjson_mut_val *value);

/* What somebody else has written as JSON already. */
static bool emit_raw(yaml_emitter_t *emitter, const yyjson_mut_val *raw)
{
	_cleanup_(free_read) yyjson_doc *read = yyjson_read(yyjson_mut_get_raw((yyjson_mut_val *)raw),
							    yyjson_mut_get_len((yyjson_mut_val *)raw), 0);
	_cleanup_(free_copy) yyjson_mut_doc *copy = read ? yyjson_doc_mut_copy(read, NULL) : NULL;

	return copy && emit_value(emitter, yyjson_mut_doc_get_root(copy));
}

static bool emit_object(yaml_emitter_t *emitter, const yyjson_mut_val *object)
{
	yyjson_mut_obj_iter iter = yyjson_mut_obj_iter_with((yyjson_mut_val *)object);
	yyjson_mut_val *key;
	yaml_event_t event;
	bool fine = yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) &&
		    yaml_emitter_emit(emitter, &event);

	while (fine && (key = yyjson_mut_obj_iter_next(&iter)))
		fine = emit_scalar(emitter, yyjson_mut_get_str(key), yyjson_mut_get_len(key),
				   YAML_PLAIN_SCALAR_STYLE) &&
		       emit_value(emitter, yyjson_mut_obj_iter_get_val(key));
	return fine && yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_array(yaml_emitter_t *emitter, const yyjson_mut_val *array)
{
	yaml_sequence_style_t style = yyjson_mut_arr_size((yyjson_mut_val *)array) ? YAML_BLOCK_SEQUENCE_STYLE
										   : YAML_FLOW_SEQUENCE_STYLE;
	yyjson_mut_arr_iter iter = yyjson_mut_arr_iter_with((yyjson_mut_val *)array);
	yyjson_mut_val *item;
	yaml_event_t event;
	bool fine = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style) &&
		    yaml_emitter_emit(emitter, &event);

	while (fine && (item = yyjson_mut_arr_iter_next(&iter)))
		fine = emit_value(emitter, item);
	return fine && yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_value(yaml_emitter_t *emitter, const yyjson_mut_val *value)
{
	if (yyjson_mut_is_obj((yyjson_mut_val *)value))
		return emit_object(emitter, value);
	if (yyjson_mut_is_arr((yyjson_mut_val *)value))
		return emit_array(emitter, value);
	if (yyjson_mut_is_raw((yyjson_mut_val *)value))
		return emit_raw(emitter, value);
	return emit_leaf(emitter, value);
}

int yaml_tree_print(const yyjson_mut_val *root, FILE *to)
{
	_cleanup_(yaml_emitter_delete) yaml_emitter_t emitter;
	yaml_event_t event;
	bool fine;

	if (!yaml_emitter_initialize(&emitter))
		return -ENOMEM;
	yaml_emitter_set_output_file(&emitter, to);
	yaml_emitter_set_unicode(&emitter, 1);
	fine = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
	       yaml_emitter_emit(&emitter, &event) &&
	       yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
	       yaml_emitter_emit(&emitter, &event) && emit_value(&emitter, root) &&
	       yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event) &&
	       yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&emitter, &event);
	return fine && !fflush(to) ? 0 : -EIO;
}
