/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service can do, found out by doing it: objects are written, read and deleted under a
 * scratch prefix of their own (`skyshim detect`). Whatever was made is removed again, whatever went
 * wrong; what a daemon that was killed has left is removed by the next one that looks there.
 */
#ifndef FS_DETECT_H
#define FS_DETECT_H

#include <jansson.h>

#include "core/backend.h"
#include "core/context.h"

#define DETECT_NAME  ".skyshim-detect-" /* the scratch prefix begins so, behind where it is made */
#define DETECT_OLD_S 3600		/* such objects that are older are somebody's leftovers */

enum detect_has { DETECT_NO, DETECT_YES, DETECT_NOT_HERE /* it does not apply */ };

/* At work. */
struct detect {
	struct context *ctx;
	const char *scheme, *bucket;
	const char *within; /* "" or "folder/": what stands before the scratch prefix */
	char prefix[1200];
	char key[1280]; /* of the call that is made */
	bool is_s3;
	json_t *out;	 /* an array of {name, has, how} */
	unsigned quirks; /* enum store_quirk: found */
	char etag[STORE_ETAG_BYTES];
	char code[STORE_CODE_BYTES]; /* of the last call */
	int status;		     /* the same, and */
	char message[STORE_MESSAGE_BYTES];
	unsigned left; /* objects and uploads that could not be removed */
};

/* Does it all; ctx, scheme, bucket, within, is_s3 and out are set. Returns 0, or a negative errno
 * with d->message: nothing was found out. */
int detect_run(struct detect *d);

/* detectcall.c: a call of that verb about the scratch object `name`, to be run by detect_call().
 */
struct store_call detect_make(struct detect *d, enum store_verb verb, const char *name);

/* As store_run(), with what the service is taken for; the results are kept when `keep`. */
int detect_call(struct detect *d, struct store_call *call, const struct store_trial *trial,
		bool keep);

/* Writes so many bytes; if_match, if_none_match as in a call. d->etag: of what is there then. */
int detect_put(struct detect *d, const char *name, const char *if_match, const char *if_none_match,
	       unsigned quirks);

/* The source of detect_put(), for others that send something. */
#define DETECT_BYTES 1024
struct store_source detect_source(void);

/* Removes all that is below the scratch prefix, and uploads of it. */
void detect_clean(struct detect *d);
/* The same of what is older than DETECT_OLD_S of other ones. */
void detect_clean_old(struct detect *d);

/* Why the last call failed, in a few words. Good until the next one. */
const char *detect_why(const struct detect *d);

/* Adds a line to the answer. */
void detect_tell(struct detect *d, const char *name, enum detect_has has, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
