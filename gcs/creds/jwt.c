// SPDX-License-Identifier: Apache-2.0
/* Tokens that are signed here: what a service account's key is for. */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"
#include "gcs/creds/creds.h"

#define JWT_BYTES 16384

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

/* RFC 4648 section 5, without padding. */
static int add_base64url(struct buffer *out, const void *data, size_t bytes)
{
	SCOPE_FREE char *text = malloc(4 * ((bytes + 2) / 3) + 1);

	if (!text)
		return -ENOMEM;
	EVP_EncodeBlock((unsigned char *)text, data, (int)bytes);
	for (char *c = text; *c; c++) {
		if (*c == '+')
			*c = '-';
		else if (*c == '/')
			*c = '_';
	}
	text[strcspn(text, "=")] = '\0';
	return buffer_add_text(out, text);
}

static int add_json(struct buffer *out, const json_t *json)
{
	SCOPE_FREE char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	return text ? add_base64url(out, text, strlen(text)) : -ENOMEM;
}

static int sign(EVP_PKEY *key, const struct buffer *text, unsigned char **out, size_t *bytes_out)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t bytes = (size_t)EVP_PKEY_get_size(key);
	SCOPE_FREE unsigned char *signature = malloc(bytes ? bytes : 1);
	int ret = md && signature ? 0 : -ENOMEM;

	if (!ret && (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
		     EVP_DigestSign(md, signature, &bytes, (const unsigned char *)text->data,
				    text->len) != 1))
		ret = -EIO;
	EVP_MD_CTX_free(md);
	if (ret)
		return ret;
	*out = take_ptr(&signature);
	*bytes_out = bytes;
	return 0;
}

static int no_passphrase(char *buf, int size, int writes, void *arg)
{
	(void)buf, (void)size, (void)writes, (void)arg;
	return -1; /* never ask at a terminal */
}

int google_jwt_sign(const char *pem, const char *key_id, const json_t *claims, char **out)
{
	struct buffer text = BUFFER_INIT(JWT_BYTES);
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	json_t *header = json_pack("{s:s, s:s, s:s}", "alg", "RS256", "typ", "JWT", "kid", key_id);
	SCOPE_FREE unsigned char *signature = NULL;
	size_t bytes = 0;
	int ret = key && EVP_PKEY_is_a(key, "RSA") ? 0 : -EINVAL;

	if (!ret)
		ret = add_json(&text, header);
	if (!ret)
		ret = buffer_add_char(&text, '.');
	if (!ret)
		ret = add_json(&text, claims);
	if (!ret)
		ret = sign(key, &text, &signature, &bytes);
	if (!ret)
		ret = buffer_add_char(&text, '.');
	if (!ret)
		ret = add_base64url(&text, signature, bytes);
	if (!ret)
		*out = buffer_take(&text);
	buffer_free(&text);
	json_decref(header);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ret == -EMSGSIZE ? -EINVAL : ret;
}
