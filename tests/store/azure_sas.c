/* SPDX-License-Identifier: Apache-2.0 */
/* Shared access signatures: "Create a service SAS", "Create an account SAS", versions from
 * 2018-11-09 on. Of a user's delegation there are none: nobody gives keys for them here. */
#include "tests/store/azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "tests/store/settings.h"

#define SIGNATURE_BYTES 64

static const char *param(const struct uri_params *params, const char *name)
{
	const char *value = uri_params_get(params, name);

	return value ? value : "";
}

/* "2026-01-02", "2026-01-02T03:04Z", "2026-01-02T03:04:05Z". False: none of them. */
static bool parse_time(const char *text, int64_t *out)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {0};
		const char *end = strptime(text, forms[i], &tm);

		if (end && !*end) {
			*out = timegm(&tm);
			return true;
		}
	}
	return false;
}

static bool is_now(const struct uri_params *params)
{
	int64_t now = time(NULL) + settings.clock_offset_s, start = now, end;

	if (*param(params, "st") && !parse_time(param(params, "st"), &start))
		return false;
	return parse_time(param(params, "se"), &end) && start <= now && now < end;
}

/* The values of these, each followed by a line's end. */
static void put_all(const struct uri_params *params, const char *const *names, struct buf *out)
{
	for (; *names; names++)
		buf_printf(out, "%s\n", param(params, *names));
}

static void account_text(const struct uri_params *params, struct buf *out)
{
	static const char *const names[] = {"sp",  "ss",  "srt", "st", "se",
					    "sip", "spr", "sv",	 NULL};

	buf_printf(out, "%s\n", settings.azure_account);
	put_all(params, names, out);
	if (strcmp(param(params, "sv"), "2020-12-06") >= 0)
		buf_printf(out, "%s\n", param(params, "ses"));
}

static void service_text(const struct uri_params *params, const char *container, const char *blob,
			 struct buf *out)
{
	static const char *const first[] = {"sp", "st", "se", NULL};
	static const char *const second[] = {"si", "sip", "spr", "sv", "sr", NULL};

	put_all(params, first, out);
	buf_printf(out, "/blob/%s/%s", settings.azure_account, container);
	if (strcmp(param(params, "sr"), "c") != 0)
		buf_printf(out, "/%s", blob);
	buf_str(out, "\n");
	put_all(params, second, out);
	buf_printf(out, "%s\n", param(params, "snapshot"));
	if (strcmp(param(params, "sv"), "2020-12-06") >= 0)
		buf_printf(out, "%s\n", param(params, "ses"));
	buf_printf(out, "%s\n%s\n%s\n%s\n%s", param(params, "rscc"), param(params, "rscd"),
		   param(params, "rsce"), param(params, "rscl"), param(params, "rsct"));
}

/* Whether it is about such a thing at all. */
static bool covers(const struct uri_params *params, bool of_account, const char *container,
		   const char *blob)
{
	const char *kinds = param(params, "srt"), *resource = param(params, "sr");

	if (of_account)
		return strchr(param(params, "ss"), 'b') && strchr(kinds, blob	     ? 'o'
									 : container ? 'c'
										     : 's');
	return container && (!strcmp(resource, "c") || (blob && !strcmp(resource, "b")));
}

const char *azure_sas_check(const struct uri_params *params, const char *container,
			    const char *blob, const char *permits)
{
	bool of_account = *param(params, "ss");
	char signature[SIGNATURE_BYTES] = "";
	const char *given = param(params, "sig");
	struct buf text = {0};
	bool same;

	if (!of_account && !container)
		return "AuthenticationFailed";
	if (of_account)
		account_text(params, &text);
	else
		service_text(params, container, blob ? blob : "", &text);
	same = azure_canon_sign(settings.azure_key, &text, signature, sizeof(signature)) &&
	       strlen(given) == strlen(signature) &&
	       !CRYPTO_memcmp(given, signature, strlen(signature));
	buf_free(&text);
	if (!same || !is_now(params))
		return "AuthenticationFailed";
	if (!covers(params, of_account, container, blob))
		return "AuthorizationFailure";
	return strpbrk(param(params, "sp"), permits) ? NULL : "AuthorizationPermissionMismatch";
}
