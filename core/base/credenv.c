/* SPDX-License-Identifier: Apache-2.0 */
/* The variables that decide whose credentials, which endpoint and which route a request takes. */
#include "core/base/credenv.h"

#include <string.h>

/* A name that ends in '*' is a prefix. (No pointers: the runtime has nothing to relocate.) */
static const char names[][24] = {
	"AWS_*",	  "AZURE_*",	    "GOOGLE_*",	    "CLOUDSDK_*",
	"GCE_METADATA_*", "GCLOUD_PROJECT", "NO_GCE_CHECK", "STORAGE_EMULATOR_HOST",
	"HOME",		  "USER",	    "LOGNAME",	    "XDG_CONFIG_HOME",
	"SSL_CERT_FILE",  "SSL_CERT_DIR",   "http_proxy",   "https_proxy",
	"HTTPS_PROXY",	  "no_proxy",	    "NO_PROXY",	    "all_proxy",
	"ALL_PROXY",	  "SKYSHIM_ROOT",   "IDENTITY_*",
};

bool credenv_wanted(const char *entry)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		if (names[i][len - 1] == '*') {
			if (!strncmp(entry, names[i], len - 1))
				return true;
		} else if (!strncmp(entry, names[i], len) && entry[len] == '=') {
			return true;
		}
	}
	return false;
}
