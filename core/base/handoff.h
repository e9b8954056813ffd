/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `skyshim run`, and every execve after it, hands to the runtime that takes over: one string
 * in the environment, which the runtime takes out again before the program sees it. Fields are
 * separated by newlines, `exec` stands last because a path may hold any byte:
 *
 *   SKYSHIM_RT=1\nctx=HEX\njob=HEX\nroot=/cloud\nsock=PATH\ncache=DIR\nbin=PATH\nrt=PATH\n
 *     rtid=ID\n[cwd=VIRTUAL\n][mask=HEX\n][fd=N\n][strict=1\n][report=PATH\n][late=MODE\n]
 *     [enforce=RULES\n][uring=HOW\n][home=HEX\n][filtered=1\n][high=1\n][name=PATH\n]exec=PATH
 */
#ifndef CORE_BASE_HANDOFF_H
#define CORE_BASE_HANDOFF_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/wire.h"

#define HANDOFF_NAME  "SKYSHIM_RT="
#define HANDOFF_BYTES 40960 /* the longest string: eight paths, twice RULES_BYTES and the rest */

/* A home (intercept/filter.h): where it may be, and how large it is; aligned to its size. Free in
 * every image that execve(2) begins: below what the kernel puts under the stack (which a random
 * number moves by up to 1 TiB), above all that programs ask for by address, and in a part that the
 * sanitizers leave to the program. */
#define HANDOFF_HOME_LOW   UINT64_C(0x7e8000000000)
#define HANDOFF_HOME_HIGH  UINT64_C(0x7ee000000000)
#define HANDOFF_HOME_BYTES (1u << 20)

/* All strings are NUL-terminated by handoff_parse(), point into its text and live as long as it. */
struct handoff {
	uint8_t ctx[WIRE_CTX_BYTES];
	uint32_t job;	  /* as of a wire_request */
	const char *root; /* where the clouds appear: absolute, no trailing slash */
	const char *sock; /* the daemon's socket: absolute */
	const char
		*cache;	 /* the cache directory: absolute, canonical; twins stand in its TWIN_DIR */
	const char *bin; /* skyshim-daemon, for starting one */
	const char *rt;	 /* the runtime: absolute; and what file that was when the tree began: */
	const char *rtid; /* "DEV-INODE-CTIME-NANOSECONDS", decimal, of stat(2) */
	const char *cwd;  /* virtual working directory relative to root ("s3/b/dir"), "" for root
			    * itself, or NULL when the working directory is the kernel's */
	const char
		*mask; /* the signal mask to start with, 16 hexadecimal digits, or NULL: as it is */
	const char *fd; /* a descriptor number the program is loaded from and which is closed then
			   * (fexecve), or NULL: exec is opened */
	const char *strict; /* "1": a program that cannot be covered in full is not run; or NULL */
	const char *report; /* where each process writes its coverage at its end: "-" is stderr,
			     * else an absolute path, appended to; or NULL */
	const char
		*late; /* when what was written is in the bucket, as core/base/durability.h has it;
			* NULL: "close" */
	const char *enforce;  /* where modes and owners decide: rules (core/base/rules.h) of "0" and
			       * "1"; NULL: nowhere */
	const char *uring;    /* "1": io_uring is served, "message": as on Linux before 6.11; NULL:
			    * it is answered ENOSYS */
	const char *home;     /* where the runtime has to stand, in hexadecimal digits, because the
			     * trap is a seccomp filter; or NULL */
	const char *filtered; /* "1": that filter is set already, in whoever reads this; or NULL */
	const char *high;     /* "1": a descriptor above 65535 may be a cloud file's; or NULL */
	const char *name; /* what execve(2) was given, when that is not exec: a script; or NULL */
	const char *exec; /* the program to load: an ELF file */
};

/* Writes the string with its NUL to out. Returns its length without it, or -ENAMETOOLONG. A field
 * with a newline in it (exec excepted) is -EINVAL. */
int handoff_build(const struct handoff *h, char *out, size_t out_bytes);

/* Parses the text of the environment string, HANDOFF_NAME included, in place: newlines become NUL.
 * Returns 0 or -EINVAL; *out is untouched then, the text may be changed. */
int handoff_parse(char *text, struct handoff *out);

/* The field home in a string that is not parsed yet, ended by a newline; NULL: there is none. */
const char *handoff_find_home(const char *text);
/* The address it says, or 0: it says none. */
uint64_t handoff_home(const char *hex);

#endif
