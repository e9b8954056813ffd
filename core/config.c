// SPDX-License-Identifier: Apache-2.0
/*
 * The AWS shared files of a context. What was read is kept for each context together with the
 * identity of both files (device, inode, size, mtime), so a request costs two stat(2) and no
 * parsing.
 */
#include "core/config.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/base/siphash.h"
#include "core/ini.h"
#include "core/scope.h"
#include "core/slurp.h"

#define PASSWD_BYTES 4096
#define CACHED_MAX   64 /* contexts of which it is kept, 34 KB each; others are read each time */

/* What of a file tells that it changed; all zero for one that does not exist. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

struct cached {
	struct cached *next; /* those that were used longer ago */
	uint8_t id[WIRE_CTX_BYTES];
	struct stamp stamp[2]; /* config, credentials */
	struct config config;
};

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cached *cache; /* under cache_lock; at most one a context, CACHED_MAX in all */

/* What a pass over a file looks for. */
enum file_kind { FILE_CONFIG, FILE_CREDENTIALS, FILE_SERVICES, FILE_SSO };

/* One pass over one file. */
struct pass {
	struct config *config;
	enum file_kind kind;
	const char *path;
	char *message; /* "" until something is wrong */
	size_t message_bytes;
};

/* In which kind of section a setting stands. */
enum section { IN_PROFILE, IN_SERVICES, IN_SSO };

/* A setting, and where its value goes. */
struct setting {
	enum section section;
	const char *name;
	size_t offset, bytes;
};

#define SETTING(section, name, field)                                                              \
	{                                                                                          \
		section, name, offsetof(struct config, field), sizeof(((struct config *)0)->field) \
	}

static const struct setting settings[] = {
	SETTING(IN_PROFILE, "region", region),
	SETTING(IN_PROFILE, "endpoint_url", endpoint_url),
	SETTING(IN_PROFILE, "s3.addressing_style", s3_addressing_style),
	SETTING(IN_PROFILE, "s3.use_dualstack_endpoint", s3_use_dualstack),
	SETTING(IN_PROFILE, "services", services),
	SETTING(IN_PROFILE, "ca_bundle", ca_bundle),
	SETTING(IN_PROFILE, "use_fips_endpoint", use_fips),
	SETTING(IN_PROFILE, "use_dualstack_endpoint", use_dualstack),
	SETTING(IN_PROFILE, "max_attempts", max_attempts),
	SETTING(IN_PROFILE, "aws_access_key_id", key_id),
	SETTING(IN_PROFILE, "aws_secret_access_key", secret),
	SETTING(IN_PROFILE, "aws_session_token", token),
	SETTING(IN_PROFILE, "role_arn", role_arn),
	SETTING(IN_PROFILE, "source_profile", source_profile),
	SETTING(IN_PROFILE, "credential_source", credential_source),
	SETTING(IN_PROFILE, "external_id", external_id),
	SETTING(IN_PROFILE, "role_session_name", role_session_name),
	SETTING(IN_PROFILE, "duration_seconds", duration_seconds),
	SETTING(IN_PROFILE, "mfa_serial", mfa_serial),
	SETTING(IN_PROFILE, "web_identity_token_file", web_identity_token_file),
	SETTING(IN_PROFILE, "credential_process", credential_process),
	SETTING(IN_PROFILE, "sso_session", sso_session),
	SETTING(IN_PROFILE, "sso_start_url", sso_start_url),
	SETTING(IN_PROFILE, "sso_region", sso_region),
	SETTING(IN_PROFILE, "sso_account_id", sso_account_id),
	SETTING(IN_PROFILE, "sso_role_name", sso_role_name),
	SETTING(IN_PROFILE, "login_session", login_session),
	SETTING(IN_SERVICES, "s3.endpoint_url", s3_endpoint_url),
	SETTING(IN_SERVICES, "sts.endpoint_url", sts_endpoint_url),
	SETTING(IN_SERVICES, "sso.endpoint_url", sso_endpoint_url),
	SETTING(IN_SSO, "sso_start_url", sso_start_url),
	SETTING(IN_SSO, "sso_region", sso_region),
};

static void complain(const struct pass *pass, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void complain(const struct pass *pass, int line, const char *format, ...)
{
	va_list args;
	int len;

	if (pass->message[0])
		return;
	if (line)
		len = snprintf(pass->message, pass->message_bytes, "%s:%d: ", pass->path, line);
	else
		len = snprintf(pass->message, pass->message_bytes, "%s: ", pass->path);
	if (len < 0 || (size_t)len >= pass->message_bytes)
		return;
	va_start(args, format);
	vsnprintf(pass->message + len, pass->message_bytes - (size_t)len, format, args);
	va_end(args);
}

/* Is section "[profile NAME]", its name perhaps in quotes? */
static bool is_section(const char *section, const char *kind, const char *name)
{
	size_t len = strlen(kind);

	if (strncmp(section, kind, len) != 0 || (section[len] != ' ' && section[len] != '\t'))
		return false;
	section += len + strspn(section + len, " \t");
	len = strlen(name);
	if (*section == '"' || *section == '\'')
		return !strncmp(section + 1, name, len) && section[len + 1] == *section;
	return !strncmp(section, name, len) && !section[len + strspn(section + len, " \t")];
}

static bool is_wanted(const struct pass *pass, const char *section)
{
	const char *name = pass->config->profile;

	switch (pass->kind) {
	case FILE_CREDENTIALS:
		return !strcmp(section, name);
	case FILE_SERVICES:
		return is_section(section, "services", pass->config->services);
	case FILE_SSO:
		return is_section(section, "sso-session", pass->config->sso_session);
	default:
		return is_section(section, "profile", name) ||
		       (!strcmp(name, "default") && !strcmp(section, name));
	}
}

static bool is_key(const char *name)
{
	return !strcmp(name, "aws_access_key_id") || !strcmp(name, "aws_secret_access_key") ||
	       !strcmp(name, "aws_session_token");
}

static int store_value(const struct pass *pass, const struct setting *setting,
		       const struct ini_line *line)
{
	char *field = (char *)pass->config + setting->offset;

	/* the credentials file is read first, and its key wins whole */
	if (is_key(setting->name)) {
		if (pass->config->key_file && pass->config->key_file != pass->path)
			return 0;
		pass->config->key_file = pass->path;
	}
	if (strlen(line->value) >= setting->bytes) {
		complain(pass, line->number, "%s is longer than %zu bytes", line->name,
			 setting->bytes - 1);
		return -EINVAL;
	}
	strcpy(field, line->value);
	return 0;
}

static int on_line(void *arg, const struct ini_line *line)
{
	struct pass *pass = arg;
	bool profile = pass->kind == FILE_CONFIG || pass->kind == FILE_CREDENTIALS;
	enum section section = profile ? IN_PROFILE : pass->kind == FILE_SSO ? IN_SSO : IN_SERVICES;

	if (!is_wanted(pass, line->section))
		return 0;
	if (profile)
		pass->config->profile_found = true;
	if (profile && !strcmp(line->name, "ignore_configured_endpoint_urls"))
		pass->config->ignore_endpoints = config_is_true(line->value);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (settings[i].section == section && !strcmp(line->name, settings[i].name))
			return store_value(pass, &settings[i], line);
	}
	return 0;
}

static int run_pass(struct pass *pass)
{
	SCOPE_FREE char *text = NULL;
	int line;
	int ret;

	if (!pass->path[0])
		return 0;
	ret = slurp(pass->path, CONFIG_FILE_BYTES, &text);
	if (ret == -ENOMEM)
		return ret;
	if (ret < 0) {
		complain(pass, 0, "cannot be read: %s", strerror(-ret));
		return -EINVAL;
	}
	if (!text)
		return 0;
	line = ini_read(text, on_line, pass);
	OPENSSL_cleanse(text, strlen(text));
	if (line) {
		complain(pass, line, "expected NAME = VALUE or [SECTION]");
		return -EINVAL;
	}
	return 0;
}

void config_home(const struct context *ctx, char out[CONFIG_PATH_BYTES])
{
	const char *home = context_env(ctx, "HOME");
	char passwd_text[PASSWD_BYTES];
	struct passwd passwd;
	struct passwd *found = NULL;

	if (!home || !*home) {
		getpwuid_r(getuid(), &passwd, passwd_text, sizeof(passwd_text), &found);
		home = found ? found->pw_dir : "";
	}
	snprintf(out, CONFIG_PATH_BYTES, "%s", home);
}

bool config_is_true(const char *value)
{
	return !strcasecmp(value, "true") || !strcasecmp(value, "yes") || !strcmp(value, "1");
}

/* The path that a variable names, or ~/.aws/NAME. Returns 0, or -EINVAL with a message. */
static int find_path(const struct context *ctx, const char *variable, const char *name,
		     char out[CONFIG_PATH_BYTES], struct pass *pass)
{
	const char *path = context_env(ctx, variable);
	char home[CONFIG_PATH_BYTES];
	int len;

	config_home(ctx, home);
	if (path && *path && path[0] != '/' && strncmp(path, "~/", 2) != 0) {
		pass->path = variable;
		complain(pass, 0, "\"%s\" is not an absolute path", path);
		return -EINVAL;
	}
	if (path && path[0] == '/')
		len = snprintf(out, CONFIG_PATH_BYTES, "%s", path);
	else if (path && *path)
		len = snprintf(out, CONFIG_PATH_BYTES, "%s%s", home, path + 1);
	else if (*home)
		len = snprintf(out, CONFIG_PATH_BYTES, "%s/.aws/%s", home, name);
	else
		len = 0;
	if (len >= CONFIG_PATH_BYTES) {
		pass->path = variable;
		complain(pass, 0, "the path is longer than %d bytes", CONFIG_PATH_BYTES - 1);
		return -EINVAL;
	}
	return 0;
}

static int find_profile(const struct context *ctx, struct pass *pass)
{
	static const char *const variables[] = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"};
	struct config *config = pass->config;

	snprintf(config->profile, sizeof(config->profile), "default");
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *name = context_env(ctx, variables[i]);

		if (!name || !*name)
			continue;
		config->profile_asked = true;
		if (strlen(name) < sizeof(config->profile)) {
			strcpy(config->profile, name);
			return 0;
		}
		pass->path = variables[i];
		complain(pass, 0, "the name is longer than %d bytes", CONFIG_NAME_BYTES - 1);
		return -EINVAL;
	}
	return 0;
}

static void stamp_of(const char *path, struct stamp *out)
{
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (!path[0] || stat(path, &st) < 0)
		return;
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->size = st.st_size;
	out->mtime = st.st_mtim;
}

/* Paths are known; reads the files. */
static int load(struct config *config, struct pass *pass)
{
	static const enum file_kind order[] = {FILE_CREDENTIALS, FILE_CONFIG, FILE_SERVICES,
					       FILE_SSO};
	int ret = 0;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && !ret; i++) {
		if ((order[i] == FILE_SERVICES && !config->services[0]) ||
		    (order[i] == FILE_SSO && !config->sso_session[0]))
			continue;
		pass->kind = order[i];
		pass->path = order[i] == FILE_CREDENTIALS ? config->credentials_path
							  : config->config_path;
		ret = run_pass(pass);
	}
	if (!ret && config->profile_asked && !config->profile_found) {
		snprintf(
			pass->message, pass->message_bytes,
			"profile \"%s\" is neither in %s nor in %s; set AWS_PROFILE to one that is",
			config->profile, config->credentials_path, config->config_path);
		ret = -EINVAL;
	}
	return ret;
}

/* With the lock. It is the one that was used last, then. */
static struct cached *cache_find(const struct context *ctx)
{
	struct cached **at = &cache;
	struct cached *entry;

	while (*at && memcmp((*at)->id, context_id(ctx), WIRE_CTX_BYTES) != 0)
		at = &(*at)->next;
	entry = *at;
	if (entry) {
		*at = entry->next;
		entry->next = cache;
		cache = entry;
	}
	return entry;
}

/* With the lock. A place for one more: the one that was used longest ago, if there are enough. */
static struct cached *cache_place(void)
{
	struct cached **at = &cache;
	struct cached *entry;
	unsigned count = 0;

	while (*at && (*at)->next) {
		at = &(*at)->next;
		count++;
	}
	if (count + 1 < CACHED_MAX)
		return calloc(1, sizeof(*entry));
	entry = *at;
	*at = NULL;
	config_wipe(&entry->config);
	return entry;
}

/* The paths in a copy must be its own. */
static void copy_out(struct config *out, const struct config *from)
{
	*out = *from;
	if (from->key_file)
		out->key_file = from->key_file == from->config_path ? out->config_path
								    : out->credentials_path;
}

static void cache_put(const struct context *ctx, const struct config *config,
		      const struct stamp stamp[2])
{
	struct cached *entry = cache_find(ctx);

	if (!entry) {
		entry = cache_place();
		if (!entry)
			return; /* it will be read again */
		memcpy(entry->id, context_id(ctx), WIRE_CTX_BYTES);
		entry->next = cache;
		cache = entry;
	}
	copy_out(&entry->config, config);
	memcpy(entry->stamp, stamp, sizeof(entry->stamp));
}

static uint64_t digest_of(const struct stamp stamp[2])
{
	static const uint64_t key[2];
	uint64_t out[2];

	siphash128(key, NULL, 0, stamp, 2 * sizeof(stamp[0]), out);
	return out[0];
}

static int find_paths(const struct context *ctx, struct config *config, struct pass *pass)
{
	int ret = find_path(ctx, "AWS_CONFIG_FILE", "config", config->config_path, pass);

	if (ret < 0)
		return ret;
	return find_path(ctx, "AWS_SHARED_CREDENTIALS_FILE", "credentials",
			 config->credentials_path, pass);
}

int config_read(const struct context *ctx, struct config *out, char *message, size_t message_bytes)
{
	SCOPE_FREE struct config *config = calloc(1, sizeof(*config));
	struct pass pass = {.config = config, .message = message, .message_bytes = message_bytes};
	struct stamp stamp[2];
	struct cached *known;
	int ret;

	if (!config)
		return -ENOMEM;
	message[0] = '\0';
	ret = find_profile(ctx, &pass);
	if (!ret)
		ret = find_paths(ctx, config, &pass);
	if (ret < 0)
		return ret;
	stamp_of(config->config_path, &stamp[0]);
	stamp_of(config->credentials_path, &stamp[1]);
	config->stamp = digest_of(stamp);

	pthread_mutex_lock(&cache_lock);
	known = cache_find(ctx);
	if (known && !memcmp(known->stamp, stamp, sizeof(stamp))) {
		copy_out(out, &known->config);
	} else {
		ret = load(config, &pass);
		if (!ret) {
			copy_out(out, config);
			cache_put(ctx, config, stamp);
		}
	}
	pthread_mutex_unlock(&cache_lock);
	config_wipe(config);
	return ret;
}

int config_read_profile(const struct context *ctx, const char *profile, struct config *out,
			char *message, size_t message_bytes)
{
	struct pass pass = {.config = out, .message = message, .message_bytes = message_bytes};
	int ret;

	memset(out, 0, sizeof(*out));
	message[0] = '\0';
	if (strlen(profile) >= sizeof(out->profile)) {
		snprintf(message, message_bytes, "a profile's name is longer than %d bytes",
			 CONFIG_NAME_BYTES - 1);
		return -EINVAL;
	}
	strcpy(out->profile, profile);
	ret = find_paths(ctx, out, &pass);
	if (!ret)
		ret = load(out, &pass);
	if (!ret && !out->profile_found) {
		snprintf(message, message_bytes, "profile \"%s\" is neither in %s nor in %s",
			 profile, out->credentials_path, out->config_path);
		ret = -EINVAL;
	}
	return ret;
}

void config_wipe(struct config *config)
{
	OPENSSL_cleanse(config->secret, sizeof(config->secret));
	OPENSSL_cleanse(config->token, sizeof(config->token));
}

void config_free_all(void)
{
	pthread_mutex_lock(&cache_lock);
	while (cache) {
		struct cached *next = cache->next;

		config_wipe(&cache->config);
		free(cache);
		cache = next;
	}
	pthread_mutex_unlock(&cache_lock);
}
