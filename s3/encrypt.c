// SPDX-License-Identifier: Apache-2.0
/*
 * Server-side encryption, as the configuration asks for it: Amazon S3 User Guide, "Protecting data
 * with server-side encryption". With a customer's key (SSE-C) the service keeps none: each request
 * about the object's bytes brings it, with its MD5. What is built holds the algorithm only; the key
 * is a secret, and is added where the request is signed.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/scope.h"
#include "s3/s3.h"

#define KEY_BYTES     32 /* AES-256 */
#define KEY_HEX_BYTES 64
#define KEY_TEXT_MAX  80 /* more than any form of it */

#define CUSTOMER "x-amz-server-side-encryption-customer-"
#define SOURCE	 "x-amz-copy-source-server-side-encryption-customer-"

int s3_encrypt_access(const struct store_site *site, struct header_list *fields)
{
	return site->encryption.customer ? header_add(fields, CUSTOMER "algorithm", "AES256") : 0;
}

int s3_encrypt_new(const struct store_site *site, struct header_list *fields)
{
	static const char name[] = "x-amz-server-side-encryption";
	const struct store_encryption *e = &site->encryption;
	int ret = 0;

	if (e->customer)
		return s3_encrypt_access(site, fields);
	if (e->how[0])
		ret = header_add(fields, name, e->how);
	if (!ret && e->kms_key[0])
		ret = header_add(fields, "x-amz-server-side-encryption-aws-kms-key-id", e->kms_key);
	if (!ret && e->bucket_key[0])
		ret = header_add(fields, "x-amz-server-side-encryption-bucket-key-enabled",
				 e->bucket_key);
	return ret;
}

int s3_encrypt_source(const struct store_site *site, struct header_list *fields)
{
	return site->encryption.from_customer ? header_add(fields, SOURCE "algorithm", "AES256")
					      : 0;
}

static int add_key(const char *key, const char *name, const char *md5_name,
		   struct header_list *fields)
{
	uint8_t raw[KEY_BYTES + 2];
	uint8_t md5[DIGEST_MD5_BYTES];
	char text[DIGEST_BASE64_BYTES];
	int ret = -EINVAL;

	if (EVP_DecodeBlock(raw, (const uint8_t *)key, (int)strlen(key)) == KEY_BYTES + 1)
		ret = digest_md5(raw, KEY_BYTES, md5);
	OPENSSL_cleanse(raw, sizeof(raw));
	if (!ret)
		ret = header_add(fields, name, key);
	if (ret)
		return ret;
	digest_base64(md5, sizeof(md5), text);
	return header_add(fields, md5_name, text);
}

int s3_encrypt_sign(const struct creds *creds, struct header_list *fields)
{
	int ret = 0;

	if (header_get(fields, CUSTOMER "algorithm"))
		ret = add_key(creds->object_key, CUSTOMER "key", CUSTOMER "key-MD5", fields);
	if (!ret && header_get(fields, SOURCE "algorithm"))
		ret = add_key(creds->from_key, SOURCE "key", SOURCE "key-MD5", fields);
	return ret;
}

static int nibble(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The key in any of its forms. Returns 0 or -EINVAL. */
static int decode(uint8_t text[KEY_TEXT_MAX], size_t len, uint8_t raw[KEY_BYTES + 2])
{
	if (len == KEY_BYTES) {
		memcpy(raw, text, KEY_BYTES);
		return 0;
	}
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (len == CREDS_OBJECT_KEY_BYTES - 1 && text[len - 1] == '=' && text[len - 2] != '=')
		return EVP_DecodeBlock(raw, text, (int)len) == KEY_BYTES + 1 ? 0 : -EINVAL;
	for (size_t i = 0; len == KEY_HEX_BYTES && i < KEY_BYTES; i++) {
		int high = nibble((char)text[2 * i]), low = nibble((char)text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		raw[i] = (uint8_t)(high << 4 | low);
	}
	return len == KEY_HEX_BYTES ? 0 : -EINVAL;
}

const char *s3_encrypt_read_key(const char *path, char out[CREDS_OBJECT_KEY_BYTES])
{
	SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t text[KEY_TEXT_MAX];
	uint8_t raw[KEY_BYTES + 2];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	const char *wrong = NULL;

	if (n < 0)
		return strerrordesc_np(errno);
	if (decode(text, (size_t)n, raw) < 0)
		wrong = "it holds no key: 32 bytes, or these as base64 or in hex (openssl rand 32)";
	else
		EVP_EncodeBlock((uint8_t *)out, raw, KEY_BYTES);
	OPENSSL_cleanse(text, sizeof(text));
	OPENSSL_cleanse(raw, sizeof(raw));
	return wrong;
}
