// SPDX-License-Identifier: Apache-2.0
/* The alphabet, and what cannot be signed; that signatures are right, gcs_creds and azure_creds
 * show by openssl(1) and by verifying. */
#include "core/jwt.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

Test(core_jwt, base64url_of_rfc_4648)
{
	/* section 10 has the vectors, section 5 the alphabet */
	static const struct {
		const char *in, *out;
		size_t bytes;
	} cases[] = {{"", "", 0},	 {"f", "Zg", 1},	{"fo", "Zm8", 2},
		     {"foo", "Zm9v", 3}, {"foob", "Zm9vYg", 4}, {"\xfb\xff\xfe", "-__-", 3}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		SCOPE_BUFFER struct buffer out = BUFFER_INIT(64);

		cr_assert_eq(jwt_add_base64url(&out, cases[i].in, cases[i].bytes), 0);
		cr_assert_str_eq(buffer_text(&out), cases[i].out);
	}
}

Test(core_jwt, what_is_no_rsa_key_or_no_claims_is_refused)
{
	EVP_PKEY *elliptic = EVP_EC_gen("P-256"), *key = EVP_RSA_gen(2048);
	json_t *json = json_object();
	char *out = NULL;

	cr_assert_eq(jwt_sign(NULL, json, json, &out), -EINVAL);
	cr_assert_eq(jwt_sign(elliptic, json, json, &out), -EINVAL);
	cr_assert_eq(jwt_sign(key, json, NULL, &out), -ENOMEM);
	cr_assert_null(out);
	cr_assert_eq(jwt_sign(key, json, json, &out), 0);
	cr_assert_eq(strncmp(out, "e30.e30.", 8), 0, "%s", out);
	cr_assert_eq(strlen(out), 8u + 342u, "2048 bits");
	free(out);
	json_decref(json);
	EVP_PKEY_free(elliptic);
	EVP_PKEY_free(key);
}
