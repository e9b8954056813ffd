/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the system that a program may use beside files. `families FAMILY FILE` says what each
 * did, and reads FILE (probe/small.txt, see tests/apps/data.py) in between; natively and
 * intercepted it says the same. One function for each family.
 */
#ifndef TESTS_APPS_FAMILIES_H
#define TESTS_APPS_FAMILIES_H

#include <sys/types.h>

extern const char *file;      /* its name, in a folder with big.bin and sub */
extern char beside[2][4096];  /* names in the same folder: big.bin, sub/deeper */
extern const char *self_path; /* argv[0] */

/* Prints "what: result", or the error's text where result is negative. */
void say(const char *what, long result);

/* Reads the file and says a sum of its bytes: the clouds are still there. */
void read_file(void);

/* The same sum, without a word; may be called from a handler. -1: it could not be read. */
long file_sum(void);

/* The sum of 4 KiB of big.bin at offset, or -1. */
long big_sum(off_t offset);
long descriptor_sum(int fd, off_t offset);

/* What a child (-1: any) ended with: its status, or 1000 + signal, or 2000 + signal when it left a
 * core. */
long ended(pid_t pid);

/* Runs this program again, as a child with argv and envp, and says its status. */
void run_child(char *const argv[], char *const envp[]);

void family_altstack(void);
void family_apart(void);
void family_argv(void);
void family_brk(void);
void family_closing(void);
void family_clone3(void);
void family_core(void);
void family_daemon(void);
void family_events(void);
void family_exits(void);
void family_code(void);
void family_inherit(void);
void family_landlock(void);
void family_layout(void);
void family_limits(void);
void family_memory(void);
void family_namespaces(void);
void family_near(void);
void family_nested(void);
void family_others(void);
void family_pipes(void);
void family_polls(void);
void family_posixaio(void);
void family_rights(void);
void family_robust(void);
void family_rseq(void);
void family_send(void);
void family_spawn(void);
void family_timers(void);
void family_tls(void);
void family_traps(void);
void family_userfault(void);
void family_views(void);
void family_waiting(void);
void family_waits(void);

/* What run_child() started, by its arguments. Each returns its status, or -1 when they are none of
 * its own. */
int inherited_child(int argc, char **argv);
int layout_child(int argc, char **argv);
int receiving_child(int argc, char **argv);

#endif
