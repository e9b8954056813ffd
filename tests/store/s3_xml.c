/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies: see s3_xml.h. */
#include "tests/store/s3_xml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "tests/store/s3.h"

static xmlDoc *parse(const char *text, size_t bytes, const char *root)
{
	int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA;
	xmlDoc *doc;
	xmlNode *top;

	if (!text || bytes > S3_XML_BYTES_MAX)
		return NULL;
	doc = xmlReadMemory(text, (int)bytes, "request.xml", NULL, options);
	if (!doc)
		return NULL;
	top = xmlDocGetRootElement(doc);
	if (doc->intSubset || !top || strcmp((const char *)top->name, root) != 0) {
		xmlFreeDoc(doc);
		return NULL;
	}
	return doc;
}

static xmlNode *first_element(xmlNode *node, const char *name)
{
	while (node && (node->type != XML_ELEMENT_NODE ||
			(name && strcmp((const char *)node->name, name) != 0)))
		node = node->next;
	return node;
}

/* The text of a child element, malloc'ed; NULL when there is no such child. */
static char *child_text(xmlNode *parent, const char *name)
{
	xmlNode *child = first_element(parent->children, name);
	xmlChar *text = child ? xmlNodeGetContent(child) : NULL;
	char *copy = text ? strdup((const char *)text) : NULL;

	xmlFree(text);
	return copy;
}

static int take_keys(xmlNode *top, struct s3_xml_keys *keys)
{
	xmlNode *node = first_element(top->children, "Object");

	for (; node; node = first_element(node->next, "Object")) {
		struct s3_xml_key *k = &keys->items[keys->count];

		if (keys->count == S3_LIST_MAX)
			return -EINVAL;
		k->key = child_text(node, "Key");
		if (!k->key)
			return -EINVAL;
		k->etag = child_text(node, "ETag");
		keys->count++;
	}
	return keys->count ? 0 : -EINVAL;
}

int s3_xml_delete(const char *text, size_t bytes, struct s3_xml_keys *out)
{
	struct s3_xml_keys keys = {.items = calloc(S3_LIST_MAX, sizeof(*keys.items))};
	xmlDoc *doc = parse(text, bytes, "Delete");
	char *quiet = NULL;
	int err = doc && keys.items ? 0 : -EINVAL;

	if (!err)
		err = take_keys(xmlDocGetRootElement(doc), &keys);
	if (!err) {
		quiet = child_text(xmlDocGetRootElement(doc), "Quiet");
		keys.quiet = quiet && !strcasecmp(quiet, "true");
		free(quiet);
		*out = keys;
	} else {
		s3_xml_keys_free(&keys);
	}
	xmlFreeDoc(doc);
	return err;
}

void s3_xml_keys_free(struct s3_xml_keys *keys)
{
	for (size_t i = 0; keys->items && i < keys->count; i++) {
		free(keys->items[i].key);
		free(keys->items[i].etag);
	}
	free(keys->items);
	*keys = (struct s3_xml_keys){0};
}

static int take_part(xmlNode *node, struct upload_part *out)
{
	char *number = child_text(node, "PartNumber");
	char *etag = child_text(node, "ETag");
	char *end = NULL;
	unsigned long value = number ? strtoul(number, &end, 10) : 0;
	int err = 0;

	if (!etag || !number || *end || value < 1 || value > UPLOAD_PARTS_MAX)
		err = -EINVAL;
	else
		s3_etag_bare(etag, out->etag);
	out->number = (unsigned)value;
	free(number);
	free(etag);
	return err;
}

int s3_xml_complete(const char *text, size_t bytes, struct upload_part **parts_out,
		    size_t *count_out)
{
	struct upload_part *parts = calloc(UPLOAD_PARTS_MAX, sizeof(*parts));
	xmlDoc *doc = parse(text, bytes, "CompleteMultipartUpload");
	xmlNode *node = doc ? first_element(xmlDocGetRootElement(doc)->children, "Part") : NULL;
	size_t count = 0;
	int err = parts ? 0 : -ENOMEM;

	for (; !err && node; node = first_element(node->next, "Part"))
		err = count < UPLOAD_PARTS_MAX ? take_part(node, &parts[count++]) : -EINVAL;
	xmlFreeDoc(doc);
	if (!err && !count)
		err = -EINVAL;
	if (err) {
		free(parts);
		return err;
	}
	*parts_out = parts;
	*count_out = count;
	return 0;
}

int s3_xml_location(const char *text, size_t bytes, char **region_out)
{
	xmlDoc *doc = parse(text, bytes, "CreateBucketConfiguration");

	if (!doc)
		return -EINVAL;
	*region_out = child_text(xmlDocGetRootElement(doc), "LocationConstraint");
	xmlFreeDoc(doc);
	return 0;
}
