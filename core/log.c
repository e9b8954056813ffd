// SPDX-License-Identifier: Apache-2.0
/* The daemon's log. The line is built on the stack and written at once: no lock, no heap. */
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};

#define LEVELS	      ((int)(sizeof(level_names) / sizeof(level_names[0])))
#define DEFAULT_LEVEL LOG_LEVEL_WARN

static atomic_int log_level = DEFAULT_LEVEL;
static atomic_int log_fd = STDERR_FILENO;

static int level_of(const char *name, size_t len)
{
	for (int i = 0; i < LEVELS; i++) {
		if (strlen(level_names[i]) == len && !memcmp(level_names[i], name, len))
			return i;
	}
	return -EINVAL;
}

int log_open(const char *spec)
{
	const char *colon;
	int fd = STDERR_FILENO;
	int level;

	if (!spec || !*spec) {
		log_close();
		return 0;
	}
	colon = strchrnul(spec, ':');
	level = level_of(spec, (size_t)(colon - spec));
	if (level < 0)
		return level;
	if (*colon) {
		fd = open(colon + 1, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
		if (fd < 0)
			return -errno;
	}

	log_close();
	atomic_store(&log_fd, fd);
	atomic_store(&log_level, level);
	return 0;
}

void log_close(void)
{
	int fd = atomic_exchange(&log_fd, STDERR_FILENO);

	atomic_store(&log_level, DEFAULT_LEVEL);
	if (fd != STDERR_FILENO)
		close(fd);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

static size_t put_time(char *out, size_t out_bytes)
{
	struct timespec now;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(out, out_bytes, "%Y-%m-%dT%H:%M:%S", &tm);
	return len + (size_t)snprintf(out + len, out_bytes - len, ".%03ldZ", now.tv_nsec / 1000000);
}

/* Copies text, control bytes as \xHH. Returns the length; never writes the last byte of out. */
static size_t put_escaped(char *out, size_t out_bytes, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = 0;

	for (; *text && len + 5 < out_bytes; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c != 0x7f) {
			out[len++] = (char)c;
			continue;
		}
		out[len++] = '\\';
		out[len++] = 'x';
		out[len++] = hex[c >> 4];
		out[len++] = hex[c & 15];
	}
	return len;
}

void log_line(enum log_level level, const char *format, ...)
{
	char text[LOG_LINE_BYTES];
	char line[LOG_LINE_BYTES + 64];
	int saved = errno;
	va_list args;
	ssize_t written;
	size_t len;

	if (!log_enabled(level))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	len = put_time(line, sizeof(line));
	len += (size_t)snprintf(line + len, sizeof(line) - len, " skyshim[%d] %s: ", (int)getpid(),
				level_names[level]);
	len += put_escaped(line + len, sizeof(line) - len - 1, text);
	line[len++] = '\n';
	do {
		written = write(atomic_load(&log_fd), line, len);
	} while (written < 0 && errno == EINTR);
	errno = saved;
}
