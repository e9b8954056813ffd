/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's own configuration: $XDG_CONFIG_HOME/skyshim/config, or ~/.config/skyshim/config.
 *
 *	durability = close            for all that no section names
 *	memory_cap = 256M             of the daemon, core/memory.h
 *	io_threads = 2                the same, core/http/engine.h
 *	[/cloud/s3/scratch]           or [s3://scratch]: this, and all that is below it
 *	durability = exit
 *	enforce_mode = 1              modes and owners decide who may do what
 *	[s3://media]		      what holds for a bucket: core/realm.h
 *	profile = dev
 *
 * INI as the AWS tools have it (core/ini.h). What is not known is an error, with file, line and
 * what to write instead.
 */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include <limits.h>

#include "core/base/rules.h"
#include "core/context.h"
#include "core/realm.h"

#define SETTINGS_BYTES	       65536 /* of the file */
#define SETTINGS_MESSAGE_BYTES 4608
#define SETTINGS_ROOT	       "/cloud" /* where the clouds appear unless it is said */

struct settings {
	char path[PATH_MAX];	      /* of the file, which need not be there; "" without a home */
	char durability[RULES_BYTES]; /* as core/base/durability.h has it */
	char enforce_mode[RULES_BYTES]; /* rules (core/base/rules.h) of "0" and "1" */
	uint64_t memory_cap;		/* bytes; 0: it is not said */
	unsigned io_threads;		/* the same */
	struct realm_rule *realms;	/* to be freed with realm_free(), whatever the result */
	unsigned realm_count;
	/* while it is read */
	const char *root;
	char *message;
};

/* root: where the clouds appear, as of vpath_resolve(). Returns 0, also when there is no file; or
 * -EINVAL (-EACCES...) with a line in message, SETTINGS_MESSAGE_BYTES. */
int settings_read(const char *root, struct settings *out, char *message);

/* The same, once out->path, root and message are set and all else is 0. */
int settings_load(struct settings *out);

/* The same of a context's environment, its root included. */
int settings_read_of(const struct context *ctx, struct settings *out, char *message);

/* Where that file is; "" without a home. config, home: $XDG_CONFIG_HOME and $HOME, or NULL. */
void settings_path(const char *config, const char *home, char out[PATH_MAX]);
void settings_path_of(const struct context *ctx, char out[PATH_MAX]);

/* The root that a text (SKYSHIM_ROOT; NULL or "": as usual) names, clean. Returns 0 or -EINVAL. */
int settings_root(const char *text, char out[PATH_MAX]);

#endif
