// SPDX-License-Identifier: Apache-2.0
/* An application that proves itself: by a secret, by a certificate, or by a token that somebody
 * else vouches for (workload identity). The variables are EnvironmentCredential's and
 * WorkloadIdentityCredential's. Files are read anew each time: they are replaced now and again. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "azure/creds/creds.h"
#include "core/scope.h"
#include "core/slurp.h"

#define TOKEN_FILE_BYTES 32768

/* Is the application named, and is this proof of it set? If not, it is noted. */
static bool is_set(struct azure_search *s, const char *source, const char *proof)
{
	const char *const names[] = {proof, "AZURE_CLIENT_ID", "AZURE_TENANT_ID"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!azure_creds_env(s, names[i])[0]) {
			creds_note(s->out, source, "no %s", names[i]);
			return false;
		}
	}
	return true;
}

static int post(struct azure_search *s, const char *source, const char *url, const char *secret,
		const char *assertion)
{
	struct buffer form = BUFFER_INIT(AZURE_CREDS_FORM_MAX);
	int ret = azure_token_form(s, assertion, &form);

	if (!ret && secret)
		ret = azure_token_add(&form, "client_secret", secret);
	if (ret == -EMSGSIZE)
		ret = azure_creds_fail(s, source, "what proves the application is too long");
	if (!ret)
		ret = azure_token_post(s, source, url, &form);
	if (form.data)
		OPENSSL_cleanse(form.data, form.cap);
	buffer_free(&form);
	return ret;
}

int azure_from_secret(struct azure_search *s)
{
	static const char source[] = "service principal by secret";
	char url[AZURE_CREDS_URL_BYTES];
	int ret;

	if (!is_set(s, source, "AZURE_CLIENT_SECRET"))
		return 0;
	ret = azure_token_url(s, source, url);
	return ret ? ret : post(s, source, url, azure_creds_env(s, "AZURE_CLIENT_SECRET"), NULL);
}

int azure_from_certificate(struct azure_search *s)
{
	static const char source[] = "service principal by certificate";
	const char *path = azure_creds_env(s, "AZURE_CLIENT_CERTIFICATE_PATH");
	const char *password = azure_creds_env(s, "AZURE_CLIENT_CERTIFICATE_PASSWORD");
	SCOPE_FREE char *assertion = NULL;
	char url[AZURE_CREDS_URL_BYTES];
	const char *wrong;
	int ret;

	if (!is_set(s, source, "AZURE_CLIENT_CERTIFICATE_PATH"))
		return 0;
	ret = azure_token_url(s, source, url);
	if (ret)
		return ret;
	ret = azure_assertion(path, password, azure_creds_env(s, "AZURE_CLIENT_ID"), url,
			      &assertion, &wrong);
	if (ret == -EINVAL)
		return azure_creds_fail(s, source, "%.150s %s", path, wrong);
	if (!ret)
		ret = post(s, source, url, NULL, assertion);
	if (assertion)
		OPENSSL_cleanse(assertion, strlen(assertion));
	return ret;
}

int azure_from_workload(struct azure_search *s)
{
	static const char source[] = "workload identity";
	const char *path = azure_creds_env(s, "AZURE_FEDERATED_TOKEN_FILE");
	SCOPE_FREE char *token = NULL;
	char url[AZURE_CREDS_URL_BYTES];
	int ret;

	if (!is_set(s, source, "AZURE_FEDERATED_TOKEN_FILE"))
		return 0;
	ret = azure_token_url(s, source, url);
	if (ret)
		return ret;
	ret = slurp(path, TOKEN_FILE_BYTES, &token);
	if (ret == -ENOMEM)
		return ret;
	if (ret < 0 || !token)
		return azure_creds_fail(s, source, "%.200s cannot be read: %s", path,
					strerror(ret ? -ret : ENOENT));
	token[strcspn(token, "\r\n")] = '\0';
	ret = token[0] ? post(s, source, url, NULL, token)
		       : azure_creds_fail(s, source, "%.200s is empty", path);
	OPENSSL_cleanse(token, strlen(token));
	return ret;
}
