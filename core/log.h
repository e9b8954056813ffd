/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's log: one line per event, to stderr or a file. SKYSHIM_LOG is "LEVEL" or
 * "LEVEL:FILE", LEVEL one of error, warn, info, debug; without it, warn to stderr.
 *
 * Any thread may log; a line is one write(2), so lines never mix. Bytes that are not printable are
 * escaped, so that nothing a server sends can forge a line. Never pass a secret.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>

#define LOG_LINE_BYTES 2048 /* longer lines are cut */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Takes over spec, the value of SKYSHIM_LOG (NULL: the default). Call before the first thread
 * starts. Returns 0; -EINVAL (no such level) or the error of opening FILE, and the log stays as it
 * was. */
int log_open(const char *spec);

/* Closes FILE and goes back to the default. */
void log_close(void);

bool log_enabled(enum log_level level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The arguments are not evaluated when the level is off. */
#define log_at(level, ...)                            \
	do {                                          \
		if (log_enabled(level))               \
			log_line(level, __VA_ARGS__); \
	} while (0)
#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
