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

#include "core/context.h"

#define CONFIG_PATH_BYTES  4096
#define CONFIG_NAME_BYTES  128	/* of a profile or a services section */
#define CONFIG_VALUE_BYTES 512	/* of what is neither a path nor a secret */
#define CONFIG_TOKEN_BYTES 8192 /* session tokens have no stated maximum; 2 KiB occur */
#define CONFIG_FILE_BYTES  1048576

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

	char key_id[CONFIG_VALUE_BYTES];
	char secret[CONFIG_VALUE_BYTES];
	char token[CONFIG_TOKEN_BYTES];
	const char *key_file; /* which file the key stood in: points to one of the paths below */
	char other_way[64];   /* a setting that would lead to credentials in a way not supported */

	char config_path[CONFIG_PATH_BYTES]; /* "" when there is no home directory either */
	char credentials_path[CONFIG_PATH_BYTES];
};

/* Fills *out (its key_file points into *out). A file that does not exist is as an empty one.
 * Returns 0, -ENOMEM, or -EINVAL with one line in message, file and line included: a file that
 * cannot be read or parsed, a profile that was asked for and is in neither file. Any thread. Wipe
 * *out after use. */
int config_read(const struct context *ctx, struct config *out, char *message, size_t message_bytes);

/* Overwrites the secrets. */
void config_wipe(struct config *config);

/* Forgets what was read so far. */
void config_free_all(void);

#endif
