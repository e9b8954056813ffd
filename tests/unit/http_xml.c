// SPDX-License-Identifier: Apache-2.0
#include "core/http/xml.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

static struct buffer seen = {.max = 1048576};

static int on_end(void *arg, const char *path, const char *text)
{
	(void)arg;
	return buffer_addf(&seen, "%s=%s;", path, text);
}

static int read_text(const char *text, size_t bytes)
{
	struct xml_visitor visitor = {.end = on_end};

	buffer_clear(&seen);
	return xml_read(text, bytes, &visitor);
}

static int read_string(const char *text)
{
	return read_text(text, strlen(text));
}

Test(http_xml, reads_in_order)
{
	cr_assert_eq(read_string("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				 "<a xmlns=\"http://s3/\"><b>1</b><c x='y'/><n:b>2</n:b>"
				 "<d>&lt;&amp;&quot;&#233;<![CDATA[<x>]]></d></a>"),
		     0);
	cr_assert_str_eq(buffer_text(&seen), "a/b=1;a/c=;a/b=2;a/d=<&\"\xc3\xa9<x>;a=;");
}

Test(http_xml, refuses_a_document_type)
{
	cr_assert_eq(read_string("<!DOCTYPE a><a/>"), -EBADMSG);
	cr_assert_eq(read_string("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), -EBADMSG);
	cr_assert_str_eq(buffer_text(&seen), "");
}

Test(http_xml, refuses_billion_laughs)
{
	cr_assert_eq(read_string("<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\">"
				 "<!ENTITY lol2 \"&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;\">"
				 "<!ENTITY lol3 \"&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;\">]>"
				 "<lolz>&lol3;</lolz>"),
		     -EBADMSG);
	cr_assert_eq(read_string("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
				 "<a>&x;</a>"),
		     -EBADMSG);
	cr_assert_eq(read_string("<a>&undeclared;</a>"), -EBADMSG);
	cr_assert_str_eq(buffer_text(&seen), "");
}

Test(http_xml, refuses_depth)
{
	SCOPE_BUFFER struct buffer text = BUFFER_INIT(1 << 20);

	for (int i = 0; i < XML_DEPTH_MAX; i++)
		buffer_add_text(&text, "<a>");
	for (int i = 0; i < XML_DEPTH_MAX; i++)
		buffer_add_text(&text, "</a>");
	cr_assert_eq(read_string(text.data), 0);
	buffer_clear(&text);
	for (int i = 0; i < 100000; i++)
		buffer_add_text(&text, "<a>");
	cr_assert_eq(read_string(text.data), -EBADMSG);
}

Test(http_xml, refuses_long_names)
{
	SCOPE_BUFFER struct buffer text = BUFFER_INIT(1 << 20);

	buffer_add_char(&text, '<');
	for (int i = 0; i < 2 * XML_PATH_MAX; i++)
		buffer_add_char(&text, 'n');
	buffer_add_text(&text, "/>");
	cr_assert_eq(read_string(text.data), -EBADMSG);
}

Test(http_xml, refuses_a_huge_text)
{
	size_t bytes = 100u << 20;
	char *text = malloc(bytes + 1);

	memset(text, 'x', bytes);
	memcpy(text, "<a><b>", 6);
	text[bytes] = '\0';
	cr_assert_eq(read_text(text, bytes), -EBADMSG);		/* by its size */
	cr_assert_eq(read_text(text, XML_BYTES_MAX), -EBADMSG); /* by its text */
	memcpy(text + 6 + XML_TEXT_MAX, "</b></a>", 9);
	cr_assert_eq(read_string(text), 0);
	memcpy(text + 7 + XML_TEXT_MAX, "</b></a>", 9);
	text[6 + XML_TEXT_MAX] = 'x';
	cr_assert_eq(read_string(text), -EBADMSG);
	free(text);
}

Test(http_xml, refuses_every_truncation)
{
	static const char whole[] = "<a><b>1</b><c>&lt;2</c></a>";

	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		cr_assert_eq(read_text(whole, len), -EBADMSG, "%zu", len);
	cr_assert_eq(read_string(whole), 0);
}

Test(http_xml, refuses_what_is_not_xml)
{
	cr_assert_eq(read_string("<html><body>503<br></body></html>"), -EBADMSG);
	cr_assert_eq(read_string("{\"a\":1}"), -EBADMSG);
	cr_assert_eq(read_text("<a>\0</a>", 8), -EBADMSG);
	cr_assert_eq(read_string("<a>\xff\xfe</a>"), -EBADMSG);
	cr_assert_eq(read_string("<a/><b/>"), -EBADMSG);
}

static int refuse_b(void *arg, const char *path)
{
	(void)arg;
	return strcmp(path, "a/b") ? 0 : -ECANCELED;
}

Test(http_xml, a_visitor_can_end_it)
{
	struct xml_visitor visitor = {.begin = refuse_b, .end = on_end};
	static const char text[] = "<a><x/><b/><c/></a>";

	buffer_clear(&seen);
	cr_assert_eq(xml_read(text, sizeof(text) - 1, &visitor), -ECANCELED);
	cr_assert_str_eq(buffer_text(&seen), "a/x=;");
}

Test(http_xml, writes_what_every_reader_gives_back)
{
	static const char *const refused[] = {"a\x01",
					      "a\r",
					      "a\n",
					      "a\x7f",
					      "\xff",
					      "\xc3",
					      "\xc0\xaf",
					      "\xed\xa0\x80",
					      "\xe2\x82",
					      "\xef\xbf\xbf",
					      "\xf4\x90\x80\x80"};
	SCOPE_BUFFER struct buffer out = BUFFER_INIT(100);

	cr_assert_eq(xml_add_text(&out, "a&b<c>\"' \xc3\xa9\xf0\x9f\x98\x80"), 0);
	cr_assert_str_eq(buffer_text(&out), "a&amp;b&lt;c&gt;\"' \xc3\xa9\xf0\x9f\x98\x80");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		cr_assert_eq(xml_add_text(&out, refused[i]), -EINVAL, "%zu", i);
	out.max = out.len + 1;
	cr_assert_eq(xml_add_text(&out, "ab"), -EMSGSIZE);
}

static int note_attribute(void *arg, const char *path, const char *name, const char *value)
{
	if (arg && !strcmp(name, arg))
		return -ECANCELED;
	return buffer_addf(&seen, "%s@%s=%s;", path, name, value);
}

Test(http_xml, attributes_come_behind_their_element)
{
	static const char text[] = "<a x=\"1\" p:y=\"&lt;2&gt;\" xmlns:p=\"u\"><b z=\"\">t</b></a>";
	struct xml_visitor visitor = {.attribute = note_attribute};
	char last[] = "z";

	buffer_clear(&seen);
	cr_assert_eq(xml_read(text, strlen(text), &visitor), 0);
	cr_assert_str_eq(buffer_text(&seen), "a@x=1;a@y=<2>;a/b@z=;");
	visitor.arg = last;
	cr_assert_eq(xml_read(text, strlen(text), &visitor), -ECANCELED);
}
