/* SPDX-License-Identifier: Apache-2.0 */
/* See settings.h. */
#include "core/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/durability.h"
#include "core/base/vpath.h"
#include "core/http/engine.h"
#include "core/ini.h"
#include "core/memory.h"
#include "core/scope.h"
#include "core/size.h"

static int complain(const struct settings *s, int line, const char *what, const char *remedy)
{
	if (!*s->message)
		snprintf(s->message, SETTINGS_MESSAGE_BYTES, "%s:%d: %s: %s", s->path, line, what,
			 remedy);
	return -EINVAL;
}

/* The virtual path that a section is about. */
static int section_path(const struct settings *s, const struct ini_line *line, struct vpath *out)
{
	static const char remedy[] = "write the path of a folder or file in the clouds, as "
				     "[/cloud/s3/BUCKET/folder] or [s3://BUCKET/folder]";
	char what[256];

	if (strpbrk(line->section, "\t\n") ||
	    vpath_resolve(s->root, NULL, line->section, out) != 1) {
		snprintf(what, sizeof(what), "[%.200s]", line->section);
		return complain(s, line->number, what, remedy);
	}
	return 0;
}

static bool is_mode(const char *value)
{
	return durability_named(value) != DURABILITY_NONE;
}

static bool is_switch(const char *value)
{
	return rules_is(value, "0") || rules_is(value, "1");
}

/* What there is to set, each kept as rules (core/base/rules.h). */
static const struct kind {
	const char *name;
	bool (*known)(const char *value);
	const char *remedy;
	size_t at; /* in struct settings */
} kinds[] = {
	{"durability", is_mode, "it is close, exit or fsync",
	 offsetof(struct settings, durability)},
	{"enforce_mode", is_switch, "it is 0 or 1", offsetof(struct settings, enforce_mode)},
};

static int set_rule(struct settings *s, const struct kind *kind, const struct ini_line *line)
{
	char *rules = (char *)s + kind->at;
	size_t used = strlen(rules);
	struct vpath path;
	char what[128];
	int ret;

	if (!kind->known(line->value) || strchr(line->value, '\t')) {
		snprintf(what, sizeof(what), "%s = %.80s", kind->name, line->value);
		return complain(s, line->number, what, kind->remedy);
	}
	if (!*line->section) {
		if (strchr(rules, '\t'))
			return complain(s, line->number, kind->name,
					"what holds for all stands before the first [section]");
		snprintf(rules, RULES_BYTES, "%s", line->value);
		return 0;
	}
	ret = section_path(s, line, &path);
	if (ret)
		return ret;
	ret = snprintf(rules + used, RULES_BYTES - used, "\t%s\t%s", path.text, line->value);
	if (ret >= (int)(RULES_BYTES - used)) {
		rules[used] = '\0';
		return complain(s, line->number, kind->name,
				"there are too many paths; name fewer and shorter ones");
	}
	return 0;
}

static int set_realm(struct settings *s, const struct ini_line *line)
{
	char what[256], words[256];
	const char *wrong;
	struct vpath path;
	int ret;

	snprintf(what, sizeof(what), "%.60s = %.150s", line->name, line->value);
	if (!*line->section)
		return complain(s, line->number, what, "write it below [s3://BUCKET] or [s3://]");
	ret = section_path(s, line, &path);
	if (ret)
		return ret;
	if (++s->realm_count > REALM_RULES_MAX)
		return complain(s, line->number, what, "there are too many settings; write fewer");
	wrong = realm_add(&s->realms, path.text, line, words);
	return wrong ? complain(s, line->number, what, wrong) : 0;
}

static int set_memory_cap(struct settings *s, const struct ini_line *line)
{
	uint64_t bytes = size_parse(line->value);
	char what[128];

	snprintf(what, sizeof(what), "memory_cap = %.80s", line->value);
	if (*line->section)
		return complain(s, line->number, what, "write it before the first [section]");
	if (bytes < MEMORY_CAP_MIN)
		return complain(s, line->number, what, "write a size like 256M; at least 16M");
	s->memory_cap = bytes;
	return 0;
}

static int set_io_threads(struct settings *s, const struct ini_line *line)
{
	char what[128], *end;
	unsigned long n = strtoul(line->value, &end, 10);

	snprintf(what, sizeof(what), "io_threads = %.80s", line->value);
	if (*line->section)
		return complain(s, line->number, what, "write it before the first [section]");
	if (line->value[0] < '0' || line->value[0] > '9' || *end || !n || n > HTTP_SHARDS_MAX)
		return complain(s, line->number, what, "write a number from 1 to 16");
	s->io_threads = (unsigned)n;
	return 0;
}

static int on_line(void *arg, const struct ini_line *line)
{
	struct settings *s = arg;
	char what[128], remedy[512] = "there is no such setting; there are: durability, "
				      "enforce_mode, memory_cap, io_threads, ";
	size_t len = strlen(remedy);

	if (!strcmp(line->name, "memory_cap"))
		return set_memory_cap(s, line);
	if (!strcmp(line->name, "io_threads"))
		return set_io_threads(s, line);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(line->name, kinds[i].name))
			return set_rule(s, &kinds[i], line);
	if (realm_knows(line->name))
		return set_realm(s, line);
	snprintf(what, sizeof(what), "%.100s", line->name);
	realm_names(remedy + len, sizeof(remedy) - len);
	return complain(s, line->number, what, remedy);
}

void settings_path(const char *config, const char *home, char out[PATH_MAX])
{
	int n = 0;

	out[0] = '\0';
	if (config && *config == '/')
		n = snprintf(out, PATH_MAX, "%s/skyshim/config", config);
	else if (home && *home == '/')
		n = snprintf(out, PATH_MAX, "%s/.config/skyshim/config", home);
	if (n >= PATH_MAX)
		out[0] = '\0';
}

int settings_root(const char *text, char out[PATH_MAX])
{
	size_t len = 0;

	if (!text || !*text)
		text = SETTINGS_ROOT;
	if (*text != '/' || strlen(text) >= PATH_MAX || strchr(text, '\n'))
		return -EINVAL;
	while (*text) {
		size_t n = strcspn(text, "/");

		if (n == 2 && !strncmp(text, "..", 2))
			return -EINVAL;
		if (n && !(n == 1 && *text == '.')) {
			out[len++] = '/';
			memcpy(out + len, text, n);
			len += n;
		}
		text += n;
		text += *text == '/';
	}
	out[len] = '\0';
	return len ? 0 : -EINVAL;
}

/* The text, to free; NULL with *error 0: there is none. */
static char *read_file(const struct settings *s, int *error)
{
	SCOPE_FD int fd = *s->path ? open(s->path, O_RDONLY | O_CLOEXEC) : -1;
	SCOPE_FREE char *text = NULL;
	char *result;
	ssize_t n;

	*error = 0;
	if (fd < 0 && (!*s->path || errno == ENOENT || errno == ENOTDIR))
		return NULL;
	text = fd < 0 ? NULL : malloc(SETTINGS_BYTES + 1);
	n = text ? read(fd, text, SETTINGS_BYTES + 1) : -1;
	if (n < 0 || n > SETTINGS_BYTES) {
		*error = n < 0 ? -errno : -EFBIG;
		snprintf(s->message, SETTINGS_MESSAGE_BYTES, "%s: %s", s->path, strerror(-*error));
		return NULL;
	}
	text[n] = '\0';
	result = text;
	text = NULL;
	return result;
}

int settings_load(struct settings *s)
{
	SCOPE_FREE char *text = NULL;
	const char *wrong;
	int ret, line;

	s->message[0] = '\0';
	snprintf(s->durability, sizeof(s->durability), "close");
	snprintf(s->enforce_mode, sizeof(s->enforce_mode), "0");
	text = read_file(s, &ret);
	if (!text)
		return ret;
	line = ini_read(text, on_line, s);
	if (line > 0 || *s->message)
		return complain(s, line, "this is no setting", "write NAME = VALUE or [PATH]");
	wrong = realm_check(s->realms, &line);
	if (wrong) {
		snprintf(s->message, SETTINGS_MESSAGE_BYTES, "%s:%d: %s", s->path, line, wrong);
		return -EINVAL;
	}
	return 0;
}

int settings_read(const char *root, struct settings *out, char *message)
{
	*out = (struct settings){.root = root, .message = message};
	settings_path(getenv("XDG_CONFIG_HOME"), getenv("HOME"), out->path);
	return settings_load(out);
}
