/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/store/gcs.h"

static const char document[] =
	"{\"kind\":\"k\",\"items\":[{\"name\":\"a\",\"size\":\"1\",\"metadata\":{\"x\":\"1\",\"y\":"
	"\"2\"}},{\"name\":\"b\",\"size\":\"2\"}],\"next\":\"t\"}";

/* want NULL: refused. */
static void expect(const char *fields, const char *want)
{
	json_t *json = json_loads(document, 0, NULL);
	json_t *cut = gcs_fields_select(json, fields);
	char *text = cut ? json_dumps(cut, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	if (want) {
		cr_assert_not_null(text, "%s", fields);
		cr_expect_str_eq(text, want, "%s: %s", fields, text);
	} else {
		cr_expect_null(text, "%s: %s", fields, text);
	}
	free(text);
	json_decref(cut);
	json_decref(json);
}

Test(store_gcs_fields, selects)
{
	expect("kind", "{\"kind\":\"k\"}");
	expect("kind,next,absent", "{\"kind\":\"k\",\"next\":\"t\"}");
	expect("items/name", "{\"items\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
	expect("items(name,size),kind",
	       "{\"items\":[{\"name\":\"a\",\"size\":\"1\"},{\"name\":\"b\",\"size\":\"2\"}],"
	       "\"kind\":\"k\"}");
	expect("items(metadata/x)", "{\"items\":[{\"metadata\":{\"x\":\"1\"}},{}]}");
	expect("items/metadata(x,y)", "{\"items\":[{\"metadata\":{\"x\":\"1\",\"y\":\"2\"}},{}]}");
	expect("items/name,items/size", "{\"items\":[{\"name\":\"a\",\"size\":\"1\"},{\"name\":"
					"\"b\",\"size\":\"2\"}]}");
	expect("items/*/x",
	       "{\"items\":[{\"metadata\":{\"x\":\"1\"},\"name\":\"a\",\"size\":\"1\"},"
	       "{\"name\":\"b\",\"size\":\"2\"}]}");
}

Test(store_gcs_fields, refuses_what_is_malformed)
{
	expect("items(name", NULL);
	expect("items)", NULL);
	expect("items()", NULL);
	expect("items/", NULL);
	expect("/name", NULL);
	expect("kind,", NULL);
	expect(",kind", NULL);
	expect("kind,,next", NULL);
}
