/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/s3_xml.h"

Test(store_s3_xml, delete_objects)
{
	static const char text[] =
		"<?xml version='1.0'?><Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
		"<Object><Key>a &amp; b&#10;c</Key></Object><Quiet>true</Quiet>"
		"<Object><Key>d</Key><ETag>\"e\"</ETag></Object></Delete>";
	struct s3_xml_keys keys;

	cr_assert_eq(s3_xml_delete(text, strlen(text), &keys), 0);
	cr_expect_eq(keys.count, 2);
	cr_expect(keys.quiet);
	cr_expect_str_eq(keys.items[0].key, "a & b\nc");
	cr_expect_null(keys.items[0].etag);
	cr_expect_str_eq(keys.items[1].etag, "\"e\"");
	s3_xml_keys_free(&keys);
}

Test(store_s3_xml, complete)
{
	static const char text[] = "<CompleteMultipartUpload><Part><ETag>&quot;ab&quot;</ETag>"
				   "<PartNumber>2</PartNumber></Part><Part><PartNumber>1"
				   "</PartNumber><ETag>cd</ETag></Part></CompleteMultipartUpload>";
	struct upload_part *parts;
	size_t count;

	cr_assert_eq(s3_xml_complete(text, strlen(text), &parts, &count), 0);
	cr_expect_eq(count, 2);
	cr_expect_eq(parts[0].number, 2);
	cr_expect_str_eq(parts[0].etag, "ab");
	cr_expect_str_eq(parts[1].etag, "cd");
	free(parts);
}

Test(store_s3_xml, hostile)
{
	static const char *const bad[] = {
		"",
		"<Delete>",
		"<Delete/>",
		"<Other><Object><Key>a</Key></Object></Other>",
		"<Delete><Object/></Delete>",
		"<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
		"<Delete><Object><Key>&x;</Key></Object></Delete>",
		"<!DOCTYPE d [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>]>"
		"<Delete><Object><Key>&b;</Key></Object></Delete>",
	};
	struct s3_xml_keys keys;
	struct upload_part *parts;
	size_t count;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_neq(s3_xml_delete(bad[i], strlen(bad[i]), &keys), 0, "%s", bad[i]);
	cr_expect_neq(s3_xml_complete("<CompleteMultipartUpload/>", 26, &parts, &count), 0);
}

Test(store_s3_xml, location)
{
	static const char text[] = "<CreateBucketConfiguration><LocationConstraint>eu-west-1"
				   "</LocationConstraint></CreateBucketConfiguration>";
	char *region = NULL;

	cr_assert_eq(s3_xml_location(text, strlen(text), &region), 0);
	cr_expect_str_eq(region, "eu-west-1");
	free(region);
}
