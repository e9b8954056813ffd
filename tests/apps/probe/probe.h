/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe: a plain program that says, one line for each check, what the system calls answer. It
 * is run on a local folder and on the same folder in a bucket; the two outputs have to be the same.
 * So it prints results and errors, and of what may differ (inode numbers, devices) only relations.
 *
 * The folder it works on (tests/apps/data.py makes it):
 *   small.txt  "hello skyshim\n"       empty  nothing
 *   big.bin    PROBE_BIG bytes, byte i is probe_byte(i)
 *   dir/       f000 .. f039, each holding its own name     sub/deeper/x  "x\n"
 */
#ifndef TESTS_APPS_PROBE_H
#define TESTS_APPS_PROBE_H

#include <stddef.h>
#include <stdint.h>

#define PROBE_BIG   (3 * 1048576 + 123) /* bytes */
#define PROBE_NAMES 40

/* Prints "group.name = value", with the error's name when it is a negative errno. */
void say(const char *name, long value);
void say_text(const char *name, const char *value);
void group(const char *name);

/* A libc result as one number: itself, or -errno. */
long res(long libc_result);

/* The content of big.bin. */
unsigned char probe_byte(size_t index);
/* 1 when data holds what big.bin has at offset. */
int probe_same(const void *data, size_t offset, size_t bytes);

/* The program itself, for execve. */
extern const char *probe_self;

void probe_open(void);
void probe_stat(void);
void probe_dir(void);
void probe_read(void);
void probe_copy(void);
void probe_fd(void);
void probe_cwd(void);
void probe_error(void);
void probe_fork(void);
void probe_exec(void);
void probe_self_view(void);
void probe_signal(void);
void probe_signal_frame(void);
void probe_thread(void);

/* What a child of probe_exec runs: argv[1] is "child", argv[2] says what to tell. Returns its
 * status. */
int probe_child(int argc, char **argv);

#endif
