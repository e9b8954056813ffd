/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: the account's key, a shared access signature, a bearer of a token (bearer.h), or
 * nobody. */
#include "tests/store/azure.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>

#include "tests/store/bearer.h"
#include "tests/store/settings.h"

#define SKEW_S		900 /* "no older than 15 minutes" */
#define SIGNATURE_BYTES 64

static bool is_recent(const struct azure_call *c)
{
	const char *text = azure_header(c, "x-ms-date");
	struct tm tm = {0};
	int64_t now = time(NULL) + settings.clock_offset_s;
	const char *end;

	if (!text)
		text = azure_header(c, "Date");
	end = text ? strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;
	return end && !*end && llabs(timegm(&tm) - now) <= SKEW_S;
}

/* header: "SharedKey ACCOUNT:SIGNATURE". */
static const char *shared_key(const struct azure_call *c, const char *header)
{
	size_t account_len = strlen(settings.azure_account);
	const char *given = header + strlen("SharedKey ");
	char signature[SIGNATURE_BYTES] = "";
	struct buf text = {0};
	bool same;

	if (strncmp(given, settings.azure_account, account_len) != 0 || given[account_len] != ':')
		return "AuthenticationFailed";
	given += account_len + 1;
	azure_canon(c->req, settings.azure_account, &text);
	same = azure_canon_sign(settings.azure_key, &text, signature, sizeof(signature)) &&
	       strlen(given) == strlen(signature) &&
	       !CRYPTO_memcmp(given, signature, strlen(signature));
	buf_free(&text);
	return same && is_recent(c) ? NULL : "AuthenticationFailed";
}

/* Without a proof. Containers are private, but for those that an option says are not. */
static const char *nobody(const struct azure_call *c)
{
	bool open = c->container &&
		    (settings_names(&settings.anon_write, c->container) ||
		     (settings_names(&settings.anon_read, c->container) && !c->route->writes));

	if (open)
		return NULL;
	return c->route->writes || !c->container ? "NoAuthenticationInformation"
						 : "ResourceNotFound";
}

static const char *judge(struct azure_call *c)
{
	const char *header = azure_header(c, "Authorization");

	if (header && !c->nested && !azure_header(c, "x-ms-version"))
		return "MissingRequiredHeader";
	if (header && !strncmp(header, "SharedKey ", 10)) {
		c->proof = AZURE_SHARED_KEY;
		return shared_key(c, header);
	}
	if (header) {
		c->proof = AZURE_BEARER;
		return bearer_valid(header) ? NULL : "InvalidAuthenticationInfo";
	}
	if (azure_param(c, "sig")) {
		c->proof = AZURE_SAS;
		/* each request in a batch proves itself */
		return c->route->run == azure_batch ? NULL
						    : azure_sas_check(&c->req->params, c->container,
								      c->blob, c->route->permits);
	}
	return nobody(c);
}

bool azure_auth(struct azure_call *c)
{
	const char *code = judge(c);

	if (!code && c->container && settings_names(&settings.denied, c->container))
		code = "AuthorizationFailure";
	if (code)
		azure_fail(c, code);
	return !code;
}
