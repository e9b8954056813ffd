// SPDX-License-Identifier: Apache-2.0
/*
 * Google credentials that need no server: what is signed (tests/golden/gcs/service-account.jwt was
 * made by openssl(1) from the same key), what the environment settles, and whose project counts.
 * tests/gcs/check has the rest, whole programs against token servers.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slurp.h"
#include "gcs/creds/creds.h"

static struct context *context_of(const char *text, size_t bytes)
{
	struct context *ctx;
	uint8_t id[WIRE_CTX_BYTES];

	cr_assert_eq(context_register(text, bytes, &ctx, id), 0);
	return ctx;
}
#define CONTEXT(text) context_of(text, sizeof(text))

static char *file(const char *path)
{
	char *text = NULL;

	cr_assert_eq(slurp(path, 65536, &text), 0, "run from the top of the tree");
	cr_assert_not_null(text);
	return text;
}

Test(gcs_creds, a_service_accounts_claims_are_signed_as_openssl_signs_them)
{
	json_t *claims = google_jwt_claims("tester@project.iam.gserviceaccount.com",
					   "https://oauth2.googleapis.com/token", GOOGLE_SCOPE,
					   1445412480);
	char *pem = file("tests/golden/gcs/key.pem");
	char *expected = file("tests/golden/gcs/service-account.jwt");
	char *jwt = NULL;

	expected[strcspn(expected, "\n")] = '\0';
	cr_assert_eq(google_jwt_sign(pem, "key-1", claims, &jwt), 0);
	cr_assert_str_eq(jwt, expected);
	free(jwt);
	free(pem);
	free(expected);
	json_decref(claims);
}

Test(gcs_creds, what_is_no_rsa_key_signs_nothing)
{
	static const char elliptic[] =
		"-----BEGIN PRIVATE KEY-----\n"
		"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
		"-----END PRIVATE KEY-----\n";
	json_t *claims = json_object();
	char *jwt = NULL;

	cr_assert_eq(google_jwt_sign("", "1", claims, &jwt), -EINVAL);
	cr_assert_eq(google_jwt_sign("-----BEGIN PRIVATE KEY-----\nAAAA\n", "1", claims, &jwt),
		     -EINVAL);
	cr_assert_eq(google_jwt_sign(elliptic, "1", claims, &jwt), -EINVAL);
	cr_assert_null(jwt);
	json_decref(claims);
}

Test(gcs_creds, the_environment_settles_it_without_asking)
{
	struct creds creds;
	char message[512] = "";

	cr_assert_eq(google_creds_get(CONTEXT("STORAGE_EMULATOR_HOST=localhost:1\0"
					      "GOOGLE_OAUTH_ACCESS_TOKEN=x"),
				      &creds, message, sizeof(message)),
		     0);
	cr_assert(creds.anonymous, "an emulator gets no token");
	cr_assert_eq(google_creds_get(CONTEXT("CLOUDSDK_AUTH_ACCESS_TOKEN=ya29.secret"), &creds,
				      message, sizeof(message)),
		     0);
	cr_assert_not(creds.anonymous);
	cr_assert_str_eq(creds.token, "ya29.secret");
	cr_assert_str_eq(creds.source, "environment (CLOUDSDK_AUTH_ACCESS_TOKEN)");
	cr_assert_null(strstr(creds.tried, "secret"));
	creds_wipe(&creds);
	context_free_all();
}

Test(gcs_creds, projects)
{
	struct creds creds = {.project = "of-the-key", .payer = "of-the-user"};
	char project[CREDS_PROJECT_BYTES], payer[CREDS_PROJECT_BYTES];

	google_projects(CONTEXT("HOME=/"), &creds, project, payer);
	cr_assert_str_eq(project, "of-the-key");
	cr_assert_str_eq(payer, "of-the-user");
	google_projects(CONTEXT("GOOGLE_CLOUD_PROJECT=said\0GOOGLE_CLOUD_QUOTA_PROJECT=pays"),
			&creds, project, payer);
	cr_assert_str_eq(project, "said");
	cr_assert_str_eq(payer, "pays");
	creds = (struct creds){0};
	google_projects(CONTEXT("HOME=/"), &creds, project, payer);
	cr_assert_str_empty(project);
	cr_assert_str_empty(payer);
	context_free_all();
}

Test(gcs_creds, an_answer_without_a_token_is_none)
{
	static const char *const bad[] = {"{}", "{\"access_token\":\"x\"}",
					  "{\"access_token\":\"x\",\"expires_in\":-1}",
					  "{\"access_token\":\"x\\ny\",\"expires_in\":9}",
					  "{\"access_token\":\"x\",\"expires_in\":99999999}"};
	char message[512];
	struct creds creds = {0};
	struct google_search s = {
		.out = &creds, .path = "f", .message = message, .message_bytes = sizeof(message)};
	json_t *answer;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		answer = json_loads(bad[i], 0, NULL);
		cr_assert_eq(google_take_token(&s, answer), -EACCES, "%s", bad[i]);
		json_decref(answer);
	}
	answer = json_loads("{\"access_token\":\"x\",\"expires_in\":3599}", 0, NULL);
	cr_assert_eq(google_take_token(&s, answer), 0);
	cr_assert_str_eq(creds.token, "x");
	cr_assert_gt(creds.expires_s, 0);
	json_decref(answer);
}

Test(gcs_creds, a_file_of_another_type_is_refused_by_name)
{
	char message[512] = "";
	struct creds creds = {0};
	struct google_search s = {.ctx = CONTEXT("HOME=/"),
				  .out = &creds,
				  .path = "/f",
				  .message = message,
				  .message_bytes = sizeof(message)};
	json_t *json = json_loads("{\"type\":\"gdch_service_account\"}", 0, NULL);

	cr_assert_eq(google_from_json(&s, json, GOOGLE_SCOPE, 0), -EACCES);
	cr_assert_not_null(strstr(message, "/f is of type \"gdch_service_account\""), "%s",
			   message);
	json_decref(json);
	json = json_loads("{\"type\":\"service_account\",\"client_email\":\"a\","
			  "\"private_key\":\"no key\",\"token_uri\":\"http://127.0.0.1:1\"}",
			  0, NULL);
	cr_assert_eq(google_from_json(&s, json, GOOGLE_SCOPE, 0), -EACCES);
	cr_assert_not_null(strstr(message, "no RSA key"), "%s", message);
	json_decref(json);
	context_free_all();
}

/* What a file's JSON gives in an environment. Returns as google_from_json(). */
static int found(const char *env, size_t env_bytes, const char *universe, struct creds *creds,
		 char *message, size_t bytes)
{
	char *pem = file("tests/golden/gcs/key.pem");
	struct google_search s = {.ctx = context_of(env, env_bytes),
				  .out = creds,
				  .path = "f",
				  .message = message,
				  .message_bytes = bytes};
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", "service_account",
				 "client_email", "a@p.iam", "private_key", pem, "private_key_id",
				 "1", "universe_domain", universe, "token_uri",
				 "https://127.0.0.1:1/");
	int ret;

	memset(creds, 0, sizeof(*creds));
	ret = google_from_json(&s, json, GOOGLE_SCOPE, 0);
	json_decref(json);
	free(pem);
	return ret;
}

Test(gcs_creds, another_universe_takes_what_the_key_signs)
{
	static const char there[] = "GOOGLE_CLOUD_UNIVERSE_DOMAIN=s3nsapis.fr", here[] = "HOME=/";
	char message[512] = "";
	struct creds creds;

	cr_assert_eq(found(there, sizeof(there), "s3nsapis.fr", &creds, message, sizeof(message)),
		     1, "%s", message);
	/* {"alg":"RS256",... . {"exp":..., without "aud" */
	cr_assert(!strncmp(creds.token, "eyJhbGciOiJSUzI1NiIs", 20), "%s", creds.token);
	cr_assert_not_null(strstr(creds.token, ".eyJleHAi"));
	cr_assert_gt(creds.expires_s, 0);
	creds_wipe(&creds);
	context_free_all();
	/* and nobody else's is sent there, or that elsewhere */
	cr_assert_eq(found(there, sizeof(there), GOOGLE_UNIVERSE, &creds, message, sizeof(message)),
		     -EACCES);
	cr_assert_not_null(strstr(message, "GOOGLE_CLOUD_UNIVERSE_DOMAIN=googleapis.com"), "%s",
			   message);
	cr_assert_eq(found(here, sizeof(here), "s3nsapis.fr", &creds, message, sizeof(message)),
		     -EACCES);
	cr_assert_not_null(strstr(message, "set GOOGLE_CLOUD_UNIVERSE_DOMAIN=s3nsapis.fr"), "%s",
			   message);
	context_free_all();
}
