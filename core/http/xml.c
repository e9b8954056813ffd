// SPDX-License-Identifier: Apache-2.0
/*
 * A SAX reader over libxml2. No tree is built. Declarations are met by no handler that would
 * remember them, and the first sign of a document type stops the parser, so "billion laughs" never
 * get to laugh.
 */
#include "core/http/xml.h"

#include <errno.h>
#include <libxml/parser.h>
#include <pthread.h>
#include <string.h>

#define CHUNK_BYTES \
	65536 /* libxml2 counts in int, and a refused document should be refused early */

struct reader {
	const struct xml_visitor *visitor;
	xmlParserCtxtPtr parser;
	struct buffer text;
	char path[XML_PATH_MAX];
	size_t path_len;
	int depth;
	int error;
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void refuse(struct reader *r, int error)
{
	if (!r->error)
		r->error = error;
	xmlStopParser(r->parser);
}

/* libxml2 gives five pointers to each: its name, prefix, namespace, and where its value begins and
 * ends. */
static int visit_attributes(struct reader *r, const xmlChar **attributes, int count)
{
	int ret = 0;

	for (int i = 0; i < count && !ret; i++, attributes += 5) {
		size_t len = (size_t)(attributes[4] - attributes[3]);

		buffer_clear(&r->text);
		ret = buffer_add(&r->text, attributes[3], len);
		if (ret)
			return ret == -ENOMEM ? ret : -EBADMSG;
		ret = r->visitor->attribute(r->visitor->arg, r->path, (const char *)attributes[0],
					    buffer_text(&r->text));
	}
	buffer_clear(&r->text);
	return ret;
}

static void on_begin(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
		     int namespaces_count, const xmlChar **namespaces, int attributes_count,
		     int defaulted_count, const xmlChar **attributes)
{
	struct reader *r = arg;
	size_t len = strlen((const char *)name);
	int ret = 0;

	(void)prefix, (void)uri, (void)namespaces_count, (void)namespaces;
	(void)defaulted_count;
	if (r->error)
		return;
	if (++r->depth > XML_DEPTH_MAX || r->path_len + len + 2 > sizeof(r->path)) {
		refuse(r, -EBADMSG);
		return;
	}
	if (r->path_len)
		r->path[r->path_len++] = '/';
	memcpy(r->path + r->path_len, name, len + 1);
	r->path_len += len;
	buffer_clear(&r->text);
	if (r->visitor->begin)
		ret = r->visitor->begin(r->visitor->arg, r->path);
	if (ret >= 0 && r->visitor->attribute)
		ret = visit_attributes(r, attributes, attributes_count);
	if (ret < 0)
		refuse(r, ret);
}

static void on_end(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct reader *r = arg;
	char *slash;
	int ret = 0;

	(void)name, (void)prefix, (void)uri;
	if (r->error)
		return;
	if (r->visitor->end)
		ret = r->visitor->end(r->visitor->arg, r->path, buffer_text(&r->text));
	buffer_clear(&r->text);
	r->depth--;
	slash = strrchr(r->path, '/');
	r->path_len = slash ? (size_t)(slash - r->path) : 0;
	r->path[r->path_len] = '\0';
	if (ret < 0)
		refuse(r, ret);
}

static void on_text(void *arg, const xmlChar *text, int bytes)
{
	struct reader *r = arg;
	int ret;

	if (r->error)
		return;
	ret = buffer_add(&r->text, text, (size_t)bytes);
	if (ret < 0)
		refuse(r, ret == -ENOMEM ? ret : -EBADMSG);
}

static void on_doctype(void *arg, const xmlChar *name, const xmlChar *external,
		       const xmlChar *system)
{
	(void)name, (void)external, (void)system;
	refuse(arg, -EBADMSG);
}

/* Only the five that every XML has. */
static xmlEntityPtr on_entity(void *arg, const xmlChar *name)
{
	(void)arg;
	return xmlGetPredefinedEntity(name);
}

/* What libxml2 has to say is the parser's error code, not a line on the daemon's stderr. */
static void on_error(void *arg, xmlErrorPtr error)
{
	(void)arg, (void)error;
}

static void start_library(void)
{
	xmlInitParser();
}

static void feed(struct reader *r, const char *data, size_t bytes)
{
	size_t done = 0;

	while (done < bytes && !r->error) {
		size_t chunk = bytes - done < CHUNK_BYTES ? bytes - done : CHUNK_BYTES;

		if (xmlParseChunk(r->parser, data + done, (int)chunk, 0))
			break;
		done += chunk;
	}
	if (!r->error)
		xmlParseChunk(r->parser, NULL, 0, 1);
	if (!r->error && !r->parser->wellFormed)
		r->error = r->parser->errNo == XML_ERR_NO_MEMORY ? -ENOMEM : -EBADMSG;
}

int xml_read(const char *data, size_t bytes, const struct xml_visitor *visitor)
{
	struct reader r = {.visitor = visitor, .text = BUFFER_INIT(XML_TEXT_MAX)};
	xmlSAXHandler sax = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_begin,
		.endElementNs = on_end,
		.characters = on_text,
		.cdataBlock = on_text,
		.internalSubset = on_doctype,
		.getEntity = on_entity,
		.serror = on_error,
	};

	if (bytes > XML_BYTES_MAX)
		return -EBADMSG;
	/* what S3 sends while it works on an answer may stand even before the declaration */
	while (bytes && strchr(" \t\r\n", *data) && *data) {
		data++;
		bytes--;
	}
	pthread_once(&library_once, start_library);
	r.parser = xmlCreatePushParserCtxt(&sax, &r, NULL, 0, NULL);
	if (!r.parser)
		return -ENOMEM;
	xmlCtxtUseOptions(r.parser, XML_PARSE_NONET);
	feed(&r, data, bytes);

	xmlFreeParserCtxt(r.parser);
	buffer_free(&r.text);
	return r.error;
}

/* The bytes of the character that text begins with, or 0: none that XML 1.0 has (section 2.2). */
static int char_bytes(const char *text)
{
	static const int least[] = {0, 0, 0x80, 0x800, 0x10000}; /* encoded in so many bytes */
	int len = 4;
	int c = xmlGetUTF8Char((const unsigned char *)text, &len);

	/* libxml2 lets pass what is encoded longer than it need be */
	if (c < 0x20 || c == 0x7f || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || c == 0xfffe ||
	    c == 0xffff || c < least[len])
		return 0;
	return len;
}

static const char *entity_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	default:
		return NULL;
	}
}

int xml_add_text(struct buffer *out, const char *text)
{
	int ret = 0;
	int len;

	for (; *text && !ret; text += len) {
		const char *entity = entity_of(*text);

		len = char_bytes(text);
		if (!len)
			return -EINVAL;
		ret = entity ? buffer_add_text(out, entity) : buffer_add(out, text, (size_t)len);
	}
	return ret;
}
