// SPDX-License-Identifier: Apache-2.0
/* Tokens that are signed here: what a service account's key is for. */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "core/jwt.h"
#include "gcs/creds/creds.h"

json_t *google_jwt_claims(const char *account, const char *audience, const char *scope,
			  int64_t now_s)
{
	json_int_t from = now_s;
	json_int_t until = from + GOOGLE_JWT_LIFE_S;

	if (!audience)
		return json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", account, "sub", account,
				 "scope", scope, "iat", from, "exp", until);
	return json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", account, "aud", audience, "scope",
			 scope, "iat", from, "exp", until);
}

static int no_passphrase(char *buf, int size, int writes, void *arg)
{
	(void)buf, (void)size, (void)writes, (void)arg;
	return -1; /* never ask at a terminal */
}

int google_jwt_sign(const char *pem, const char *key_id, const json_t *claims, char **out)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	json_t *header = json_pack("{s:s, s:s, s:s}", "alg", "RS256", "typ", "JWT", "kid", key_id);
	int ret = jwt_sign(key, header, claims, out);

	json_decref(header);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ret;
}
