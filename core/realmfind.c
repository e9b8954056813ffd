// SPDX-License-Identifier: Apache-2.0
/*
 * What holds for a bucket in a context. The file of each home is kept parsed, with what tells
 * that it has changed, so that a call costs one stat(2). What stands for a variable becomes one, in
 * a context derived from the call's: it is registered as any other, and so is found again.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buffer.h"
#include "core/config.h"
#include "core/realmtable.h"
#include "core/scope.h"
#include "core/settings.h"
#include "core/store.h"

struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

struct known {
	struct known *next;
	char *path; /* of the file; lives until realm_free_all() */
	char *root; /* sections may begin with it */
	struct stamp stamp;
	struct realm_rule *rules;
	char *wrong; /* the line to say of the file as it is, NULL: it is right */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct known *all; /* under lock; at most one for a path and a root */

static void stamp_of(const char *path, struct stamp *out)
{
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (!*path || stat(path, &st) < 0)
		return;
	*out = (struct stamp){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
}

static int read_anew(struct known *k, const struct context *ctx)
{
	char message[SETTINGS_MESSAGE_BYTES];
	SCOPE_FREE struct settings *settings = malloc(sizeof(*settings));
	int ret;

	if (!settings)
		return -ENOMEM;
	realm_free(k->rules);
	k->rules = NULL;
	free(k->wrong);
	k->wrong = NULL;
	ret = settings_read_of(ctx, settings, message);
	if (!ret) {
		k->rules = settings->realms;
		return 0;
	}
	realm_free(settings->realms);
	k->wrong = strdup(message);
	return k->wrong ? 0 : -ENOMEM;
}

static void known_free(struct known *k)
{
	realm_free(k->rules);
	free(k->wrong);
	free(k->path);
	free(k->root);
	free(k);
}

static struct known *known_new(const char *path, const char *root)
{
	struct known *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->path = strdup(path);
	k->root = strdup(root);
	if (!k->path || !k->root) {
		known_free(k);
		return NULL;
	}
	stamp_of("", &k->stamp);
	k->next = all;
	all = k;
	return k;
}

/* The context's file as it is now. With the lock. */
static struct known *look(const struct context *ctx)
{
	const char *root = context_env(ctx, "SKYSHIM_ROOT");
	struct known *k = all;
	char path[PATH_MAX];
	struct stamp stamp;

	root = root ? root : "";
	settings_path_of(ctx, path);
	while (k && (strcmp(k->path, path) != 0 || strcmp(k->root, root) != 0))
		k = k->next;
	if (!k)
		k = known_new(path, root);
	if (!k)
		return NULL;
	stamp_of(k->path, &stamp);
	if (memcmp(&stamp, &k->stamp, sizeof(stamp)) != 0) {
		if (read_anew(k, ctx) < 0)
			return NULL;
		k->stamp = stamp;
	}
	return k;
}

/* Is the realm within `where`? */
static bool is_within(const char *name, const char *where)
{
	size_t len = strlen(where);

	return !strncmp(name, where, len) && (!name[len] || name[len] == '/');
}

static void apply(const struct known *k, const struct context *ctx, const char *name,
		  struct realm *out)
{
	char home[CONFIG_PATH_BYTES];

	for (const struct realm_rule *r = k->rules; r; r = r->next) {
		char *value = out->value[r->setting];

		if (out->set[r->setting] || !is_within(name, r->where))
			continue;
		out->set[r->setting] = true;
		out->line[r->setting] = r->line;
		out->path = k->path;
		strcpy(value, r->value);
		if (strncmp(value, "~/", 2) != 0)
			continue;
		config_home(ctx, home);
		if (snprintf(value, REALM_VALUE_BYTES, "%s%s", home, r->value + 1) >=
		    REALM_VALUE_BYTES)
			value[0] = '\0'; /* then there is no such file, and that is said */
	}
}

/* What stands for a setting that is set, in this kind of store; NULL: nothing does. */
static const char *variable_of(const struct realm *realm, int setting)
{
	const struct realm_kind *kind = &realm_table[setting];

	if (!realm->set[setting])
		return NULL;
	return realm->is_google ? kind->google_variable : kind->variable;
}

/* Is this variable given up for what the configuration says? */
static bool is_replaced(const struct realm *realm, const char *entry)
{
	/* a profile that is named for a bucket wins over keys in the environment, as
	 * `aws --profile` does */
	static const char *const keys[] = {"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=",
					   "AWS_SESSION_TOKEN=", "AWS_NO_SIGN_REQUEST="};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (realm->set[REALM_PROFILE] && !strncmp(entry, keys[i], strlen(keys[i])))
			return true;
	}
	if (realm->set[REALM_ENDPOINT] &&
	    !strncmp(entry, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=", 36))
		return true;
	for (int i = 0; i < REALM_SETTINGS; i++) {
		const char *variable = variable_of(realm, i);
		size_t len = variable ? strlen(variable) : 0;

		if (variable && !strncmp(entry, variable, len) && entry[len] == '=')
			return true;
	}
	return false;
}

/* The environment with what is set in it. Returns 0, or as context_register(). */
static int derive(struct realm *realm)
{
	SCOPE_BUFFER struct buffer text = BUFFER_INIT(2 * WIRE_MSG_MAX);
	uint8_t id[WIRE_CTX_BYTES];
	bool changes = false;
	size_t bytes;
	const char *at = context_text(realm->ctx, &bytes);
	const char *end = at + bytes;
	int ret = 0;

	for (int i = 0; i < REALM_SETTINGS; i++)
		changes |= variable_of(realm, i) != NULL;
	if (!changes)
		return 0;
	for (; at < end && !ret; at += strlen(at) + 1) {
		if (!is_replaced(realm, at))
			ret = buffer_add(&text, at, strlen(at) + 1);
	}
	for (int i = 0; i < REALM_SETTINGS && !ret; i++) {
		if (!variable_of(realm, i) ||
		    (i == REALM_ANONYMOUS && !realm_is(realm, REALM_ANONYMOUS, false)))
			continue;
		ret = buffer_addf(&text, "%s=%s", variable_of(realm, i), realm->value[i]);
		if (!ret)
			ret = buffer_add_char(&text, '\0');
	}
	return ret ? ret : context_register(text.data, text.len, &realm->ctx, id);
}

int realm_find(struct context *ctx, const char *scheme, const char *bucket, struct realm *out,
	       char *message, size_t message_bytes)
{
	char name[REALM_VALUE_BYTES];
	const struct known *k;
	int ret = 0;

	memset(out, 0, sizeof(*out));
	out->ctx = ctx;
	out->is_google = !strcmp(scheme, "gs");
	snprintf(name, sizeof(name), "%s%s%s", scheme, bucket ? "/" : "", bucket ? bucket : "");
	pthread_mutex_lock(&lock);
	k = look(ctx);
	if (!k) {
		ret = -ENOMEM;
	} else if (k->wrong) {
		snprintf(message, message_bytes, "%s", k->wrong);
		ret = -EACCES;
	} else {
		apply(k, ctx, name, out);
	}
	pthread_mutex_unlock(&lock);
	return ret ? ret : derive(out);
}

bool realm_same_store(struct context *ctx, const char *scheme, const char *one, const char *other)
{
	static const enum realm_setting tells[] = {REALM_ENDPOINT, REALM_PROFILE, REALM_CREDENTIALS,
						   REALM_ANONYMOUS};
	SCOPE_FREE struct realm *realms = calloc(2, sizeof(*realms));
	char message[STORE_MESSAGE_BYTES];

	if (!strcmp(one, other))
		return true;
	if (!realms || realm_find(ctx, scheme, one, &realms[0], message, sizeof(message)) ||
	    realm_find(ctx, scheme, other, &realms[1], message, sizeof(message)))
		return true; /* whoever asks will be told what is wrong */
	for (size_t i = 0; i < sizeof(tells) / sizeof(tells[0]); i++) {
		const char *a = realm_get(&realms[0], tells[i]);
		const char *b = realm_get(&realms[1], tells[i]);

		if (strcmp(a ? a : "", b ? b : "") != 0)
			return false;
	}
	return true;
}

const char *realm_get(const struct realm *realm, enum realm_setting setting)
{
	return realm && realm->set[setting] ? realm->value[setting] : NULL;
}

bool realm_is(const struct realm *realm, enum realm_setting setting, bool otherwise)
{
	const char *value = realm_get(realm, setting);

	return value ? realm_is_true(value) : otherwise;
}

const char *realm_from(const struct realm *realm, enum realm_setting setting,
		       char out[REALM_FROM_BYTES])
{
	snprintf(out, REALM_FROM_BYTES, "%.100s:%d: %s", realm->path ? realm->path : "",
		 realm->line[setting], realm_table[setting].name);
	return out;
}

void realm_free_all(void)
{
	pthread_mutex_lock(&lock);
	while (all) {
		struct known *next = all->next;

		known_free(all);
		all = next;
	}
	pthread_mutex_unlock(&lock);
}
