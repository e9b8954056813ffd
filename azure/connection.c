// SPDX-License-Identifier: Apache-2.0
/*
 * Connection strings: "Configure Azure Storage connection strings" of Microsoft's documents. Names
 * in any case, values up to the next semicolon, '=' in them included.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "azure/azure.h"
#include "core/scope.h"

#define EMULATOR_NAME	  "devstoreaccount1"
#define EMULATOR_ENDPOINT "http://127.0.0.1:10000"
/* the one that every emulator has, and that Microsoft publishes */
#define EMULATOR_KEY \
	"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
#define DEFAULT_SUFFIX "core.windows.net"

/* What of a string matters here; values point into it. "" for what is not there. */
struct settings {
	const char *protocol, *name, *key, *sas, *endpoint, *suffix, *emulator, *proxy;
};

static const struct {
	const char *name;
	size_t offset;
} known[] = {
	{"DefaultEndpointsProtocol", offsetof(struct settings, protocol)},
	{"AccountName", offsetof(struct settings, name)},
	{"AccountKey", offsetof(struct settings, key)},
	{"SharedAccessSignature", offsetof(struct settings, sas)},
	{"BlobEndpoint", offsetof(struct settings, endpoint)},
	{"EndpointSuffix", offsetof(struct settings, suffix)},
	{"UseDevelopmentStorage", offsetof(struct settings, emulator)},
	{"DevelopmentStorageProxyUri", offsetof(struct settings, proxy)},
};

static bool is_address(const char *host)
{
	return host[0] == '[' || !strcmp(host, "localhost") ||
	       host[strspn(host, "0123456789.")] == '\0';
}

int azure_connection_name(const char *endpoint, char out[AZURE_ACCOUNT_BYTES])
{
	struct uri_origin origin;
	const char *from = origin.host;
	size_t len;

	if (uri_parse_origin(endpoint, &origin) < 0)
		return -EINVAL;
	if (origin.path[0])
		from = origin.path + 1; /* as the emulator has it */
	else if (is_address(origin.host))
		return -EINVAL;
	len = strcspn(from, "./");
	if (!len || len >= AZURE_ACCOUNT_BYTES)
		return -EINVAL;
	memcpy(out, from, len);
	out[len] = '\0';
	return 0;
}

int azure_connection_endpoint(const char *protocol, const char *name, const char *suffix,
			      char out[STORE_ORIGIN_BYTES])
{
	int len = snprintf(out, STORE_ORIGIN_BYTES, "%s://%s.blob.%s",
			   protocol[0] ? protocol : "https", name,
			   suffix[0] ? suffix : DEFAULT_SUFFIX);

	return len < STORE_ORIGIN_BYTES ? 0 : -EINVAL;
}

/* Returns 0 or -EINVAL: a part without '='. */
static int take_apart(char *text, struct settings *out)
{
	char *save = NULL;

	for (char *part = strtok_r(text, ";", &save); part; part = strtok_r(NULL, ";", &save)) {
		char *value;

		part += strspn(part, " \t\r\n");
		value = strchr(part, '=');
		if (!*part)
			continue;
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (!strcasecmp(known[i].name, part))
				*(const char **)((char *)out + known[i].offset) = value;
		}
	}
	return 0;
}

static int copy(char *out, size_t out_bytes, const char *text)
{
	size_t len = strlen(text);

	if (len >= out_bytes)
		return -EINVAL;
	memcpy(out, text, len + 1);
	return 0;
}

static int emulate(const struct settings *s, struct azure_account *out)
{
	int len = snprintf(out->endpoint, sizeof(out->endpoint), "%s/%s",
			   s->proxy[0] ? s->proxy : EMULATOR_ENDPOINT, EMULATOR_NAME);

	strcpy(out->name, EMULATOR_NAME);
	strcpy(out->creds.secret, EMULATOR_KEY);
	return len < (int)sizeof(out->endpoint) ? 0 : -EINVAL;
}

static int fill(const struct settings *s, struct azure_account *out)
{
	int ret = copy(out->name, sizeof(out->name), s->name);

	if (!ret && !s->name[0])
		ret = azure_connection_name(s->endpoint, out->name);
	if (!ret)
		ret = s->endpoint[0] ? copy(out->endpoint, sizeof(out->endpoint), s->endpoint)
				     : azure_connection_endpoint(s->protocol, out->name, s->suffix,
								 out->endpoint);
	if (!ret)
		ret = copy(out->creds.secret, sizeof(out->creds.secret), s->key);
	if (!ret && !s->key[0])
		ret = copy(out->creds.token, sizeof(out->creds.token), s->sas);
	return ret;
}

int azure_connection_read(const char *text, struct azure_account *out,
			  char message[STORE_MESSAGE_BYTES])
{
	SCOPE_FREE char *spoilt = strdup(text);
	struct settings s = {"", "", "", "", "", "", "", ""};
	int ret = spoilt ? take_apart(spoilt, &s) : -EINVAL;

	if (!ret)
		ret = !strcasecmp(s.emulator, "true") ? emulate(&s, out) : fill(&s, out);
	if (spoilt)
		explicit_bzero(spoilt, strlen(text));
	if (ret)
		snprintf(
			message, STORE_MESSAGE_BYTES,
			"AZURE_STORAGE_CONNECTION_STRING is none: copy it whole from the account's "
			"\"Access keys\", as AccountName=...;AccountKey=...");
	else
		snprintf(out->setting, sizeof(out->setting), "AZURE_STORAGE_CONNECTION_STRING");
	return ret ? -EINVAL : 0;
}
