// SPDX-License-Identifier: Apache-2.0
/* The settings of realms: their names, what may stand for them, and the list of them. */
#include "core/realm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/http/uri.h"
#include "core/realmtable.h"
#include "core/scope.h"

#define SPEED_MIN 65536
#define SPEED_MAX 1e12
#define RATE_MIN  0.1

const struct realm_kind realm_table[REALM_SETTINGS] = {
	[REALM_PROFILE] = {.name = "profile",
			   .schemes = "s3",
			   .type = REALM_TEXT,
			   .variable = "AWS_PROFILE"},
	[REALM_CREDENTIALS] = {.name = "credentials",
			       .schemes = "gs",
			       .type = REALM_PATH,
			       .google_variable = "GOOGLE_APPLICATION_CREDENTIALS"},
	[REALM_ENDPOINT] = {.name = "endpoint",
			    .schemes = "s3 gs",
			    .type = REALM_URL,
			    .variable = "AWS_ENDPOINT_URL_S3",
			    .google_variable = "STORAGE_EMULATOR_HOST"},
	[REALM_REGION] = {.name = "region",
			  .schemes = "s3",
			  .type = REALM_TEXT,
			  .variable = "AWS_REGION"},
	[REALM_ADDRESSING] = {.name = "addressing",
			      .schemes = "s3",
			      .type = REALM_WORD,
			      .words = "path virtual",
			      .variable = "AWS_S3_ADDRESSING_STYLE"},
	[REALM_ANONYMOUS] = {.name = "anonymous",
			     .schemes = "s3",
			     .type = REALM_BOOL,
			     .variable = "AWS_NO_SIGN_REQUEST"},
	[REALM_REQUESTER_PAYS] = {.name = "requester_pays", .schemes = "s3", .type = REALM_BOOL},
	[REALM_ARN] = {.name = "arn", .schemes = "s3", .type = REALM_AN_ARN},
	[REALM_ENCRYPTION] = {.name = "encryption",
			      .schemes = "s3",
			      .type = REALM_WORD,
			      .words = "AES256 aws:kms aws:kms:dsse customer"},
	[REALM_KMS_KEY] = {.name = "kms_key", .schemes = "s3", .type = REALM_TEXT},
	[REALM_BUCKET_KEY] = {.name = "bucket_key", .schemes = "s3", .type = REALM_BOOL},
	[REALM_KEY_FILE] = {.name = "encryption_key_file", .schemes = "s3", .type = REALM_PATH},
	[REALM_CA_BUNDLE] = {.name = "ca_bundle",
			     .schemes = "s3 az gs",
			     .type = REALM_PATH,
			     .variable = "AWS_CA_BUNDLE",
			     .google_variable = "AWS_CA_BUNDLE"},
	[REALM_CLIENT_CERT] = {.name = "client_cert", .schemes = "s3 az gs", .type = REALM_PATH},
	[REALM_CLIENT_KEY] = {.name = "client_key", .schemes = "s3 az gs", .type = REALM_PATH},
	[REALM_HTTP2] = {.name = "http2", .schemes = "s3 az gs", .type = REALM_BOOL},
	[REALM_CONDITIONAL_PUT] = {.name = "conditional_put", .schemes = "s3", .type = REALM_BOOL},
	[REALM_CONDITIONAL_DELETE] = {.name = "conditional_delete",
				      .schemes = "s3",
				      .type = REALM_BOOL},
	[REALM_ETAG_QUOTES] = {.name = "etag_quotes", .schemes = "s3", .type = REALM_BOOL},
	[REALM_LIST_V2] = {.name = "list_v2", .schemes = "s3", .type = REALM_BOOL},
	[REALM_BATCH_DELETE] = {.name = "batch_delete", .schemes = "s3", .type = REALM_BOOL},
	[REALM_PART_COPY] = {.name = "part_copy", .schemes = "s3", .type = REALM_BOOL},
	[REALM_HIERARCHICAL] = {.name = "hierarchical", .schemes = "az", .type = REALM_BOOL},
	[REALM_PRICE_WRITE] = {.name = "price_write", .schemes = "s3 az gs", .type = REALM_NUMBER},
	[REALM_PRICE_READ] = {.name = "price_read", .schemes = "s3 az gs", .type = REALM_NUMBER},
	[REALM_PRICE_EGRESS] = {.name = "price_egress",
				.schemes = "s3 az gs",
				.type = REALM_NUMBER},
	[REALM_BANDWIDTH] = {.name = "bandwidth", .schemes = "s3 az gs", .type = REALM_SPEED},
	[REALM_REQUEST_RATE] = {.name = "request_rate", .schemes = "s3 az gs", .type = REALM_RATE},
};

static int setting_of(const char *name)
{
	for (int i = 0; i < REALM_SETTINGS; i++) {
		if (!strcmp(realm_table[i].name, name))
			return i;
	}
	return -1;
}

const char *realm_name(enum realm_setting setting)
{
	return realm_table[setting].name;
}

bool realm_knows(const char *name)
{
	return setting_of(name) >= 0;
}

void realm_names(char *out, size_t bytes)
{
	size_t used = 0;

	out[0] = '\0';
	for (int i = 0; i < REALM_SETTINGS && used < bytes; i++)
		used += (size_t)snprintf(out + used, bytes - used, "%s%s", i ? ", " : "",
					 realm_table[i].name);
}

/* Is word one of a list with blanks between? */
static bool is_listed(const char *list, const char *word, size_t len)
{
	while (*list) {
		size_t one = strcspn(list, " ");

		if (one == len && !strncmp(list, word, len))
			return true;
		list += one + (list[one] == ' ');
	}
	return false;
}

bool realm_is_true(const char *value)
{
	return !strcasecmp(value, "true") || !strcasecmp(value, "yes") || !strcmp(value, "1");
}

static bool is_false(const char *value)
{
	return !strcasecmp(value, "false") || !strcasecmp(value, "no") || !strcmp(value, "0");
}

/* Host names, ids, keys of KMS: nothing that a header field or an address could not hold. */
static bool is_plain(const char *value)
{
	for (; *value; value++) {
		if ((unsigned char)*value < 0x20 || *value == 0x7f)
			return false;
	}
	return true;
}

/* Digits, perhaps with one point among them, of less than 10^9. */
static bool is_number(const char *value)
{
	size_t whole = strspn(value, "0123456789");
	size_t point = value[whole] == '.';
	size_t rest = whole + point + strspn(value + whole + point, "0123456789");

	return !value[rest] && rest > point && whole <= 9 && rest < 20;
}

/* 64K, below which a connection counts as dead, or more; with K, M, G or T: powers of 1024. */
static bool is_speed(const char *value)
{
	size_t digits = strspn(value, "0123456789");
	bool unit = value[digits] && strchr("KMGT", value[digits]);
	double n = strtod(value, NULL);

	for (const char *u = "KMGT"; unit; u++) {
		n *= 1024;
		if (*u == value[digits])
			break;
	}
	return digits && digits <= 12 && !value[digits + unit] && n >= SPEED_MIN && n <= SPEED_MAX;
}

/* What is wrong with the value, or NULL. */
static const char *judge(const struct realm_kind *kind, const char *value, char words[256])
{
	struct uri_origin origin;

	if (!*value || strlen(value) >= REALM_VALUE_BYTES || !is_plain(value))
		return "it wants a value of 1 to 511 printable characters";
	switch (kind->type) {
	case REALM_BOOL:
		return realm_is_true(value) || is_false(value) ? NULL : "it is true or false";
	case REALM_WORD:
		if (is_listed(kind->words, value, strlen(value)))
			return NULL;
		snprintf(words, 256, "it is one of: %s", kind->words);
		return words;
	case REALM_PATH:
		return *value == '/' || !strncmp(value, "~/", 2)
			       ? NULL
			       : "write the file's path from / or ~/ on";
	case REALM_URL:
		return uri_parse_origin(value, &origin) < 0
			       ? "write http://host:port or https://host"
			       : NULL;
	case REALM_NUMBER:
		return is_number(value) ? NULL : "write a number like 0.005, or 0";
	case REALM_SPEED:
		return is_speed(value) ? NULL : "write bytes a second like 100M; at least 64K";
	case REALM_RATE:
		return is_number(value) && strtod(value, NULL) >= RATE_MIN
			       ? NULL
			       : "write requests a second like 500; at least 0.1";
	case REALM_AN_ARN:
		return strncmp(value, "arn:", 4) != 0 || !strstr(value, ":accesspoint")
			       ? "write arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME"
			       : NULL;
	default:
		return NULL;
	}
}

/* A whole store, an account or a bucket: not a folder, not the root. */
static bool is_realm(const char *where)
{
	size_t scheme = strcspn(where, "/");
	const char *first = where[scheme] ? strchr(where + scheme + 1, '/') : NULL;

	if (!is_listed("s3 az gs", where, scheme))
		return false;
	if (!first)
		return true;
	return !strncmp(where, "az/", 3) && !strchr(first + 1, '/');
}

/* Narrower before wider ones, and of two alike the later: it wins. */
static void sort_in(struct realm_rule **at, struct realm_rule *rule)
{
	while (*at && strlen((*at)->where) > strlen(rule->where))
		at = &(*at)->next;
	rule->next = *at;
	*at = rule;
}

const char *realm_add(struct realm_rule **rules, const char *where, const struct ini_line *line,
		      char words[256])
{
	int setting = setting_of(line->name);
	const struct realm_kind *kind = &realm_table[setting];
	struct realm_rule *rule;
	const char *wrong;

	if (!is_realm(where))
		return "it holds for a bucket or more: write it below [s3://BUCKET], "
		       "[az://ACCOUNT/CONTAINER], [gs://BUCKET] or [s3://]";
	if (!is_listed(kind->schemes, where, strcspn(where, "/"))) {
		snprintf(words, 256, "%.*s has no such setting; only %s", (int)strcspn(where, "/"),
			 where, kind->schemes);
		return words;
	}
	wrong = judge(kind, line->value, words);
	if (wrong)
		return wrong;
	rule = calloc(1, sizeof(*rule));
	if (!rule)
		return "no memory: try again";
	rule->where = strdup(where);
	if (!rule->where) {
		free(rule);
		return "no memory: try again";
	}
	rule->setting = (enum realm_setting)setting;
	rule->line = line->number;
	snprintf(rule->value, sizeof(rule->value), "%s",
		 kind->type != REALM_BOOL     ? line->value
		 : realm_is_true(line->value) ? "true"
					      : "false");
	sort_in(rules, rule);
	return NULL;
}

static const struct realm_rule *beside(const struct realm_rule *all, const struct realm_rule *rule,
				       enum realm_setting setting)
{
	for (; all; all = all->next) {
		if (all->setting == setting && !strcmp(all->where, rule->where))
			return all;
	}
	return NULL;
}

/* What has no meaning without another line of the same section. */
static const struct {
	enum realm_setting setting, needs;
	const char *value, *needed; /* NULL: any */
	const char *remedy;
} needs[] = {
	{REALM_KMS_KEY, REALM_ENCRYPTION, NULL, "aws:kms",
	 "kms_key: only with encryption = aws:kms (or aws:kms:dsse); add that"},
	{REALM_BUCKET_KEY, REALM_ENCRYPTION, NULL, "aws:kms",
	 "bucket_key: only with encryption = aws:kms; add that"},
	{REALM_KEY_FILE, REALM_ENCRYPTION, NULL, "customer",
	 "encryption_key_file: only with encryption = customer; add that"},
	{REALM_ENCRYPTION, REALM_KEY_FILE, "customer", NULL,
	 "encryption = customer: name the key's file; add encryption_key_file = PATH"},
	{REALM_CLIENT_KEY, REALM_CLIENT_CERT, NULL, NULL,
	 "client_key: only with client_cert; add client_cert = PATH"},
};

const char *realm_check(const struct realm_rule *rules, int *line_out)
{
	for (const struct realm_rule *r = rules; r; r = r->next) {
		for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
			const struct realm_rule *other;

			if (r->setting != needs[i].setting ||
			    (needs[i].value && strcmp(r->value, needs[i].value) != 0))
				continue;
			other = beside(rules, r, needs[i].needs);
			if (other && (!needs[i].needed || !strncmp(other->value, needs[i].needed,
								   strlen(needs[i].needed))))
				continue;
			*line_out = r->line;
			return needs[i].remedy;
		}
	}
	return NULL;
}

void realm_free(struct realm_rule *rules)
{
	while (rules) {
		struct realm_rule *next = rules->next;

		free(rules->where);
		free(rules);
		rules = next;
	}
}
