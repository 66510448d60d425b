/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The values of annotations: the first byte of the input says which, the rest is the value. A service that is right but
 * for it is refused with a reason that names the annotation, or planned.
 */
#include <errno.h>
#include <string.h>

#include "plan.h"
#include "source/parse.h"

static const char *const names[] = {
	"lb",
	"measure",
	"ewma-decay",
	"consecutive-failures",
	"base-ejection-time",
	"max-ejection-time",
	"max-ejection-percent",
	"panic-threshold",
	"syn-retransmits",
	"data-retransmits",
	"connect-timeout",
	"splice",
	"weight",
};

enum {
	VALUE_MOST = 256,
};

/* As a JSON string, whatever bytes it is of: each as the character of that number. */
static void quote(const uint8_t *data, size_t size, char *to)
{
	for (size_t i = 0; i < size; i++)
		to += sprintf(to, "\\u%04x", data[i]);
	*to = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(parsed_done) struct parsed parsed = { 0 };
	char value[VALUE_MOST * 6 + 1], text[2 * sizeof(value) + 1024];
	struct why why = { "" };
	const char *name;
	int error;

	if (!size || size > VALUE_MOST)
		return 0;
	name = names[data[0] % ARRAY_LEN(names)];
	quote(data + 1, size - 1, value);
	snprintf(text, sizeof(text),
		 "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":["
		 "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\",\"namespace\":"
		 "\"a\","
		 "\"annotations\":{\"weft.dev/"
		 "%s\":\"%s\"}},\"spec\":{\"clusterIP\":\"10.0.0.1\",\"clusterIPs\":[\"10.0.0.1\"],"
		 "\"ports\":[{\"port\":80,\"protocol\":\"TCP\"}]}},"
		 "{\"apiVersion\":\"discovery.k8s.io/"
		 "v1\",\"kind\":\"EndpointSlice\",\"metadata\":{\"name\":\"web-1\","
		 "\"namespace\":\"a\",\"labels\":{\"kubernetes.io/service-name\":\"web\"},"
		 "\"annotations\":{\"weft.dev/"
		 "%s\":\"%s\"}},\"addressType\":\"IPv4\",\"ports\":[{\"port\":8080}],"
		 "\"endpoints\":[{\"addresses\":[\"10.1.0.1\"]},{\"addresses\":[\"10.1.0.2\"]}]}]}",
		 name, value, name, value);
	error = parse_text("input", TREE_JSON, text, strlen(text), &why, &parsed);
	HOLDS(!error || error == -EINVAL || error == -ENOMEM);
	HOLDS(error != -EINVAL || strstr(why.text, name));
	if (!error) {
		HOLDS(parsed.objects.count == 2);
		plan_objects(&parsed.objects);
	}
	return 0;
}
