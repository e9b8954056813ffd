/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a context's AWS shared files say about its profile: ~/.aws/config and ~/.aws/credentials, or
 * the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, and the profile of
 * AWS_PROFILE (or AWS_DEFAULT_PROFILE, or "default"). Format: AWS SDKs and Tools Reference Guide,
 * "Shared config and credentials files".
 *
 * A file is read again when it has changed.
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/context.h"
#include "core/creds.h"

#define CONFIG_PATH_BYTES  4096
#define CONFIG_NAME_BYTES  128 /* of a profile or a services section */
#define CONFIG_WORD_BYTES  16  /* of a number or a boolean */
#define CONFIG_VALUE_BYTES CREDS_VALUE_BYTES
#define CONFIG_TOKEN_BYTES CREDS_TOKEN_BYTES
#define CONFIG_FILE_BYTES  1048576
#define CONFIG_ID_BYTES	   1280 /* STS takes external ids of 1,224 */

/* All strings "" when the files do not say. */
struct config {
	char profile[CONFIG_NAME_BYTES];
	bool profile_asked; /* a variable named it */
	bool profile_found;
	bool ignore_endpoints; /* ignore_configured_endpoint_urls = true */

	char region[CONFIG_VALUE_BYTES];
	char endpoint_url[CONFIG_VALUE_BYTES];
	char s3_endpoint_url[CONFIG_VALUE_BYTES]; /* of the profile's services section */
	char s3_addressing_style[CONFIG_VALUE_BYTES];
	char services[CONFIG_NAME_BYTES];
	char ca_bundle[CONFIG_VALUE_BYTES];

	char sts_endpoint_url[CONFIG_VALUE_BYTES]; /* of the services section, too */
	char sso_endpoint_url[CONFIG_VALUE_BYTES];
	char use_fips[CONFIG_WORD_BYTES];
	char use_dualstack[CONFIG_WORD_BYTES];
	char s3_use_dualstack[CONFIG_WORD_BYTES];
	char max_attempts[CONFIG_WORD_BYTES];

	char key_id[CONFIG_VALUE_BYTES];
	char secret[CONFIG_VALUE_BYTES];
	char token[CONFIG_TOKEN_BYTES];
	const char *key_file; /* which file the key stood in: points to one of the paths below */

	/* Ways to a credential that take more than reading it. */
	char role_arn[CONFIG_ID_BYTES];
	char source_profile[CONFIG_NAME_BYTES];
	char credential_source[CONFIG_NAME_BYTES];
	char external_id[CONFIG_ID_BYTES];
	char role_session_name[CONFIG_NAME_BYTES];
	char duration_seconds[CONFIG_WORD_BYTES];
	char mfa_serial[CONFIG_VALUE_BYTES];
	char web_identity_token_file[CONFIG_PATH_BYTES];
	char credential_process[CONFIG_PATH_BYTES];
	char sso_session[CONFIG_NAME_BYTES];
	char sso_start_url[CONFIG_VALUE_BYTES]; /* the next two of sso_session, if there is one */
	char sso_region[CONFIG_NAME_BYTES];
	char sso_account_id[CONFIG_NAME_BYTES];
	char sso_role_name[CONFIG_NAME_BYTES];
	char login_session[CONFIG_VALUE_BYTES];

	uint64_t stamp; /* another after either file has changed */

	char config_path[CONFIG_PATH_BYTES]; /* "" when there is no home directory either */
	char credentials_path[CONFIG_PATH_BYTES];
};

/* Fills *out (its key_file points into *out). A file that does not exist is as an empty one.
 * Returns 0, -ENOMEM, or -EINVAL with one line in message, file and line included: a file that
 * cannot be read or parsed, a profile that was asked for and is in neither file. Any thread. Wipe
 * *out after use. */
int config_read(const struct context *ctx, struct config *out, char *message, size_t message_bytes);

/* The same of another profile of the same files, which is not kept. The one that is named here must
 * be there. */
int config_read_profile(const struct context *ctx, const char *profile, struct config *out,
			char *message, size_t message_bytes);

/* The home directory that ~ means, "" when there is none. */
void config_home(const struct context *ctx, char out[CONFIG_PATH_BYTES]);

/* Is this one of the words that mean yes? */
bool config_is_true(const char *value);

/* Overwrites the secrets. */
void config_wipe(struct config *config);

/* Forgets what was read so far. */
void config_free_all(void);

#endif
