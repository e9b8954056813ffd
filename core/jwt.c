// SPDX-License-Identifier: Apache-2.0
#include "core/jwt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"

#define JWT_BYTES 16384

int jwt_add_base64url(struct buffer *out, const void *data, size_t bytes)
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

	return text ? jwt_add_base64url(out, text, strlen(text)) : -ENOMEM;
}

static int add_signature(struct buffer *out, EVP_PKEY *key)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t bytes = (size_t)EVP_PKEY_get_size(key);
	SCOPE_FREE unsigned char *signature = malloc(bytes ? bytes : 1);
	int ret = md && signature ? 0 : -ENOMEM;

	if (!ret && (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
		     EVP_DigestSign(md, signature, &bytes, (const unsigned char *)out->data,
				    out->len) != 1))
		ret = -EIO;
	EVP_MD_CTX_free(md);
	if (!ret)
		ret = buffer_add_char(out, '.');
	return ret ? ret : jwt_add_base64url(out, signature, bytes);
}

int jwt_sign(EVP_PKEY *key, const json_t *header, const json_t *claims, char **out)
{
	struct buffer text = BUFFER_INIT(JWT_BYTES);
	int ret = key && EVP_PKEY_is_a(key, "RSA") ? 0 : -EINVAL;

	if (!ret)
		ret = add_json(&text, header);
	if (!ret)
		ret = buffer_add_char(&text, '.');
	if (!ret)
		ret = add_json(&text, claims);
	if (!ret)
		ret = add_signature(&text, key);
	if (!ret)
		*out = buffer_take(&text);
	buffer_free(&text);
	return ret == -EMSGSIZE ? -EINVAL : ret;
}
