// SPDX-License-Identifier: Apache-2.0
/* Where a call goes, and the paths there. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "azure/azure.h"
#include "azure/creds/creds.h"

/* The other API of the same account: "Azure storage URIs" of the service's documents. Of an
 * emulator, or a name of one's own, it is to be at the same address. */
static void put_beside(struct store_site *site)
{
	const char *word = strstr(site->origin, ".blob.");

	if (word)
		snprintf(site->beside, sizeof(site->beside), "%.*s.dfs.%s",
			 (int)(word - site->origin), site->origin, word + strlen(".blob."));
	else
		strcpy(site->beside, site->origin);
}

static int put_origin(const struct azure_account *a, struct store_site *out,
		      char message[STORE_MESSAGE_BYTES])
{
	struct uri_origin origin;
	char port[8] = "";

	if (uri_parse_origin(a->endpoint, &origin) < 0) {
		snprintf(message, STORE_MESSAGE_BYTES,
			 "%.150s: \"%.150s\" is no endpoint: write "
			 "https://ACCOUNT.blob.core.windows.net "
			 "or, for an emulator, http://host:port/ACCOUNT",
			 a->setting, a->endpoint);
		return -EIO;
	}
	/* the scheme's own port is left out of Host, as every client does */
	if (origin.port && origin.port != (origin.tls ? 443 : 80))
		snprintf(port, sizeof(port), ":%u", origin.port);
	snprintf(out->host, sizeof(out->host), "%s%s", origin.host, port);
	snprintf(out->origin, sizeof(out->origin), "%s://%.300s", origin.tls ? "https" : "http",
		 out->host);
	strcpy(out->base, origin.path);
	put_beside(out);
	return 0;
}

/* A token of Entra ID, of the account for which there is nothing else. message: what that was said
 * about. */
static int add_token(const struct context *ctx, const struct store_site *site, struct creds *out,
		     char message[STORE_MESSAGE_BYTES])
{
	char why[STORE_MESSAGE_BYTES] = "";
	struct uri_origin origin;
	int ret;

	if (uri_parse_origin(site->origin, &origin) < 0 || !azure_creds_may_go(&origin)) {
		snprintf(message, STORE_MESSAGE_BYTES,
			 "no credentials: a token of Microsoft Entra ID is not sent over plain "
			 "http: write https:// in %.200s",
			 site->setting);
		return -EACCES;
	}
	ret = azure_creds_get(ctx, out, why, sizeof(why));
	if (ret != -EACCES)
		return ret;
	if (!strcmp(why, AZURE_CREDS_NOTHING))
		snprintf(message + strlen(message), STORE_MESSAGE_BYTES - strlen(message), "; %s",
			 why);
	else
		snprintf(message, STORE_MESSAGE_BYTES, "%s", why);
	return ret;
}

/* An account's key that nothing can be signed with: the service would not be asked at all. */
static int check_key(const struct azure_account *a, char message[STORE_MESSAGE_BYTES])
{
	if (!a->creds.secret[0] || sharedkey_is_key(a->creds.secret))
		return 0;
	snprintf(message, STORE_MESSAGE_BYTES,
		 "account %.63s: its key (AZURE_STORAGE_KEY, or AccountKey) is no base64: copy the "
		 "whole of it, as the portal shows it",
		 a->name);
	return -EACCES;
}

int azure_site_locate(const struct store_call *call, const char *region, struct store_site *out,
		      struct creds *creds_out, char message[STORE_MESSAGE_BYTES])
{
	struct azure_account account;
	char name[AZURE_ACCOUNT_BYTES] = "";
	bool lacks;
	int ret;

	(void)region;
	memset(creds_out, 0, sizeof(*creds_out));
	memset(out, 0, sizeof(*out));
	if (call->bucket)
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(call->bucket, "/"), call->bucket);
	ret = azure_account_find(call->ctx, name, &account, message);
	lacks = ret == -EACCES && account.endpoint[0];
	if (ret && !lacks)
		return ret;
	ret = put_origin(&account, out, message);
	strcpy(out->setting, account.setting);
	if (!ret && lacks)
		ret = add_token(call->ctx, out, creds_out, message);
	else if (!ret)
		ret = check_key(&account, message);
	if (!ret && !lacks)
		*creds_out = account.creds;
	if (!ret)
		strcpy(out->credentials, creds_out->source);
	creds_wipe(&account.creds);
	return ret;
}

static bool is_container(const char *name)
{
	size_t len = strlen(name);

	return len && len <= AZURE_CONTAINER_BYTES &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-$")];
}

/* The service, or what stands before it, takes "." and ".." out of an address, escaped or not, and
 * a backslash for a slash: such a key would name another blob. */
bool azure_site_holds(const char *key)
{
	if (strchr(key, '\\'))
		return false;
	while (*key) {
		size_t len = strcspn(key, "/");

		if ((len == 1 || len == 2) && !memcmp(key, "..", len))
			return false;
		key += len + (key[len] == '/');
	}
	return true;
}

int azure_site_path(const struct store_site *site, const char *bucket, const char *key,
		    struct buffer *target)
{
	const char *container = bucket ? strchr(bucket, '/') : NULL;
	size_t len = key ? strlen(key) : 0;
	int ret;

	if (!bucket)
		return -EINVAL;
	if (container && !is_container(container + 1))
		return -ENOENT; /* as the service would say, had it been asked */
	if (len > AZURE_KEY_BYTES)
		return -ENAMETOOLONG;
	if (key && (!azure_site_holds(key) || (!container && *key)))
		return -EINVAL;
	ret = buffer_addf(target, "%s/%s", site->base, container ? container + 1 : "");
	if (!ret && key && *key)
		ret = buffer_add_char(target, '/');
	if (len && key[len - 1] == '/' && site->names == STORE_NAMES_TREE)
		len--; /* the directory itself */
	return ret || !key ? ret : uri_encode(target, key, len, true);
}

int azure_site_start(const struct store_site *site, const char *method, const char *bucket,
		     const char *key, struct store_request *out)
{
	int ret = azure_site_path(site, bucket, key, &out->target);

	out->method = method;
	return ret ? ret : header_add(&out->fields, "x-ms-version", AZURE_VERSION);
}
