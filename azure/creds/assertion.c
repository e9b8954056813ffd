// SPDX-License-Identifier: Apache-2.0
/* A client assertion: RFC 7523, signed by RS256, with the certificate's thumbprint (x5t). */
#include <errno.h>
#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "azure/creds/creds.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/jwt.h"
#include "core/scope.h"
#include "core/slurp.h"

#define PEM_BYTES 262144
#define LIFE_S	  600
#define EARLY_S	  60 /* this machine's clock may be ahead */
#define ID_BYTES  16

static json_t *make_header(const X509 *certificate)
{
	SCOPE_BUFFER struct buffer print = BUFFER_INIT(64);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned bytes;

	if (!X509_digest(certificate, EVP_sha1(), digest, &bytes) ||
	    jwt_add_base64url(&print, digest, bytes))
		return NULL;
	return json_pack("{s:s, s:s, s:s}", "alg", "RS256", "typ", "JWT", "x5t",
			 buffer_text(&print));
}

static json_t *make_claims(const char *client, const char *audience)
{
	uint8_t random[ID_BYTES];
	char id[2 * ID_BYTES + 1];
	json_int_t now_s = clock_wall_s();

	arc4random_buf(random, sizeof(random));
	digest_hex(random, sizeof(random), id);
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "aud", audience, "iss", client,
			 "sub", client, "jti", id, "iat", now_s, "nbf", now_s - EARLY_S, "exp",
			 now_s + LIFE_S);
}

static int make(const X509 *certificate, EVP_PKEY *key, const char *client, const char *audience,
		char **out)
{
	json_t *header = make_header(certificate);
	json_t *claims = make_claims(client, audience);
	int ret = jwt_sign(key, header, claims, out);

	json_decref(header);
	json_decref(claims);
	return ret ? -ENOMEM : 0;
}

/* pem_password_cb: never asks at a terminal. */
static int password_of(char *buf, int size, int writing, void *arg)
{
	const char *password = arg;
	int len = 0;

	(void)writing;
	for (; len < size && password[len]; len++)
		buf[len] = password[len]; /* without NUL */
	return len && len < size ? len : -1;
}

static EVP_PKEY *read_key(const char *pem, const char *password)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, password_of, (void *)password)
			    : NULL;

	BIO_free(bio);
	return key;
}

static X509 *read_certificate(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	return certificate;
}

int azure_assertion(const char *path, const char *password, const char *client,
		    const char *audience, char **out, const char **wrong_out)
{
	SCOPE_FREE char *pem = NULL;
	int ret = slurp(path, PEM_BYTES, &pem);
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	const char *wrong = NULL;

	if (ret == -ENOMEM)
		return ret;
	if (ret < 0 || !pem) {
		*wrong_out = "cannot be read";
		return -EINVAL;
	}
	certificate = read_certificate(pem);
	key = read_key(pem, password);
	if (!certificate)
		wrong = "holds no certificate in PEM (of a .pfx file: openssl pkcs12 -nodes)";
	else if (!key)
		wrong = "holds no private key in PEM, or AZURE_CLIENT_CERTIFICATE_PASSWORD is "
			"not its password";
	else if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
		 !X509_check_private_key(certificate, key))
		wrong = "holds a key that is not RSA, or another certificate's";
	ret = wrong ? -EINVAL : make(certificate, key, client, audience, out);
	if (wrong)
		*wrong_out = wrong;
	OPENSSL_cleanse(pem, strlen(pem));
	EVP_PKEY_free(key);
	X509_free(certificate);
	return ret;
}
