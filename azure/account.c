// SPDX-License-Identifier: Apache-2.0
/*
 * The storage accounts that a context's environment names, under the variables that `az storage`
 * reads, and those that blobfuse and adlfs call otherwise. A connection string goes before the
 * rest, as there; the other variables may name a second account. Of several proofs the account key
 * counts first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "azure/azure.h"

#define NAME_MIN       3 /* of an account, by the service's rule */
#define NAME_MAX_BYTES 24

static const char *const names[] = {"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME", NULL};
static const char *const keys[] = {"AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCESS_KEY",
				   "AZURE_STORAGE_ACCOUNT_KEY", NULL};
static const char *const sas_tokens[] = {"AZURE_STORAGE_SAS_TOKEN", NULL};
static const char *const endpoints[] = {"AZURE_STORAGE_SERVICE_ENDPOINT",
					"AZURE_STORAGE_BLOB_ENDPOINT", NULL};

/* Of a sovereign cloud, by where its users log in. */
static const struct {
	const char *authority, *suffix;
} clouds[] = {
	{"chinacloudapi.cn", "core.chinacloudapi.cn"},
	{"partner.microsoftonline.cn", "core.chinacloudapi.cn"},
	{"microsoftonline.us", "core.usgovcloudapi.net"},
	{"microsoftonline.de", "core.cloudapi.de"},
};

static const char *env(const struct context *ctx, const char *name)
{
	const char *value = context_env(ctx, name);

	return value ? value : "";
}

/* The first that is set. *name_out: which. */
static const char *first_env(const struct context *ctx, const char *const *variables,
			     const char **name_out)
{
	*name_out = variables[0];
	for (; *variables; variables++) {
		if (env(ctx, *variables)[0]) {
			*name_out = *variables;
			return env(ctx, *variables);
		}
	}
	return "";
}

static bool is_true(const char *text)
{
	return !strcasecmp(text, "true") || !strcmp(text, "1") || !strcasecmp(text, "yes");
}

static const char *suffix_of_cloud(const struct context *ctx)
{
	const char *authority = env(ctx, "AZURE_AUTHORITY_HOST");

	for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++) {
		if (strstr(authority, clouds[i].authority))
			return clouds[i].suffix;
	}
	return "";
}

/* May the service have an account of that name? */
static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len >= NAME_MIN && len <= NAME_MAX_BYTES &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789")];
}

/* The one of AZURE_STORAGE_ACCOUNT. Returns 1, or 0: there is none. */
static int from_variables(const struct context *ctx, struct azure_account *out)
{
	const char *name_variable, *endpoint_variable, *unused;
	const char *name = first_env(ctx, names, &name_variable);
	const char *endpoint = first_env(ctx, endpoints, &endpoint_variable);

	if (name[0])
		snprintf(out->name, sizeof(out->name), "%s", name);
	else if (!endpoint[0] || azure_connection_name(endpoint, out->name) < 0)
		return 0;
	if (endpoint[0]) {
		snprintf(out->endpoint, sizeof(out->endpoint), "%s", endpoint);
		snprintf(out->setting, sizeof(out->setting), "%s (now %.100s)", endpoint_variable,
			 endpoint);
	} else {
		azure_connection_endpoint("", out->name, suffix_of_cloud(ctx), out->endpoint);
		snprintf(out->setting, sizeof(out->setting), "%s (now %.60s)", name_variable, name);
	}
	snprintf(out->creds.secret, sizeof(out->creds.secret), "%s", first_env(ctx, keys, &unused));
	if (!out->creds.secret[0])
		snprintf(out->creds.token, sizeof(out->creds.token), "%s",
			 first_env(ctx, sas_tokens, &unused));
	return 1;
}

/* Fills what the other functions left open. */
static void finish(const struct context *ctx, struct azure_account *out)
{
	const char *why = out->creds.secret[0]	? "account key"
			  : out->creds.token[0] ? "SAS"
						: "none";

	snprintf(out->creds.id, sizeof(out->creds.id), "%s", out->name);
	if (out->creds.token[0] == '?') /* as the portal shows it */
		memmove(out->creds.token, out->creds.token + 1, strlen(out->creds.token));
	out->creds.anonymous = !out->creds.secret[0] && !out->creds.token[0] &&
			       is_true(env(ctx, "AZURE_STORAGE_ANON"));
	snprintf(out->creds.source, sizeof(out->creds.source), "account %s (%s)", out->name,
		 out->creds.anonymous ? "none: AZURE_STORAGE_ANON" : why);
}

/* The accounts that are named, at most two. Returns how many, or -EACCES with a message. */
static int read_all(const struct context *ctx, struct azure_account out[2],
		    char message[STORE_MESSAGE_BYTES])
{
	const char *connection = env(ctx, "AZURE_STORAGE_CONNECTION_STRING");
	int count = 0;

	memset(out, 0, 2 * sizeof(out[0]));
	if (connection[0] && azure_connection_read(connection, &out[count++], message) < 0)
		return -EACCES;
	if (from_variables(ctx, &out[count]) && (!count || strcmp(out[0].name, out[1].name) != 0))
		count++;
	for (int i = 0; i < count; i++)
		finish(ctx, &out[i]);
	return count;
}

static int say_not_found(const struct azure_account *known, int count, const char *name,
			 char message[STORE_MESSAGE_BYTES])
{
	if (count)
		snprintf(message, STORE_MESSAGE_BYTES,
			 "no credentials for account %.63s: %.150s is of account %.63s; set "
			 "AZURE_STORAGE_ACCOUNT=%.63s and AZURE_STORAGE_KEY",
			 name, known->setting, known->name, name);
	else
		snprintf(message, STORE_MESSAGE_BYTES,
			 "no credentials: set AZURE_STORAGE_CONNECTION_STRING, or "
			 "AZURE_STORAGE_ACCOUNT=%.63s and AZURE_STORAGE_KEY or "
			 "AZURE_STORAGE_SAS_TOKEN, or AZURE_STORAGE_ANON=true for a public "
			 "container",
			 name);
	return -EACCES;
}

/* Is there a proof of who asks, or is none wanted? */
static int check_proof(const struct azure_account *a, char message[STORE_MESSAGE_BYTES])
{
	if (a->creds.secret[0] || a->creds.token[0] || a->creds.anonymous)
		return 0;
	snprintf(message, STORE_MESSAGE_BYTES,
		 "no credentials for account %.63s: set AZURE_STORAGE_KEY or "
		 "AZURE_STORAGE_SAS_TOKEN, or AZURE_STORAGE_ANON=true for a public container",
		 a->name);
	return -EACCES;
}

/* One that the environment does not tell of. */
static void find_other(const struct context *ctx, const char *name, struct azure_account *out)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", name);
	azure_connection_endpoint("", name, suffix_of_cloud(ctx), out->endpoint);
	snprintf(out->setting, sizeof(out->setting), "the account's name");
	finish(ctx, out);
}

int azure_account_find(const struct context *ctx, const char *name, struct azure_account *out,
		       char message[STORE_MESSAGE_BYTES])
{
	struct azure_account known[2];
	int count = read_all(ctx, known, message);
	int ret = count < 0 ? count : -ENOENT;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < count && ret == -ENOENT; i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		*out = known[i];
		ret = check_proof(out, message);
	}
	if (ret == -ENOENT && is_name(name)) {
		find_other(ctx, name, out);
		ret = out->creds.anonymous ? 0 : say_not_found(known, count, name, message);
	}
	creds_wipe(&known[0].creds);
	creds_wipe(&known[1].creds);
	return ret;
}

int azure_account_list(const struct context *ctx, struct store_list *out,
		       char message[STORE_MESSAGE_BYTES])
{
	struct azure_account known[2];
	int count = read_all(ctx, known, message);
	int ret = count < 0 ? count : 0;

	if (count > 0)
		out->entries = calloc((size_t)count, sizeof(*out->entries));
	if (count > 0 && !out->entries)
		ret = -ENOMEM;
	for (int i = 0; i < count && !ret; i++) {
		out->entries[i].is_prefix = true;
		out->entries[i].name = strdup(known[i].name);
		ret = out->entries[i].name ? 0 : -ENOMEM;
		out->count++;
	}
	creds_wipe(&known[0].creds);
	creds_wipe(&known[1].creds);
	return ret;
}
