/* SPDX-License-Identifier: Apache-2.0 */
/* Code that comes later: libraries opened, closed, replaced and opened again, and one mapped by
 * hand. The library is programs/plugin.c, beside this program as plugin-glibc.so or plugin-musl.so.
 * A static program has no dlopen(3) and maps by hand only. */
#include "tests/apps/hazard/hazard.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RX (PROT_READ | PROT_EXEC)

static char library[4096];

/* Beside the program: $P is where the tests keep their programs. */
static void find_library(void)
{
	const char *folder = getenv("P");

#ifdef __GLIBC__
	snprintf(library, sizeof(library), "%s/plugin-glibc.so", folder ? folder : ".");
#else
	snprintf(library, sizeof(library), "%s/plugin-musl.so", folder ? folder : ".");
#endif
}

#ifdef HAZARD_DYNAMIC
static long mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	long lines = 0;
	int c;

	while (maps && (c = getc(maps)) != EOF)
		lines += c == '\n';
	if (maps)
		fclose(maps);
	return lines;
}

/* Opens path and says what its constructor read and what its code reads. Returns the handle. */
static void *try_library(const char *name, const char *path)
{
	void *handle = dlopen(path, RTLD_NOW);
	hazard_call *code = handle ? (hazard_call *)dlsym(handle, "plugin_call") : NULL;
	const char *text = handle ? dlsym(handle, "plugin_constructed") : NULL;
	char label[64];

	snprintf(label, sizeof(label), "%s-constructor", name);
	say_text(label, text ? text : "not opened");
	say(name, code ? hazard_reads_small(code) : -1);
	return handle;
}

/* No mapping and no descriptor may stay behind. (musl never unloads.) */
static void plugin_loop(void)
{
	long before = 0, good = 0;
	int fd;

	for (int i = 0; i < 200; i++) {
		void *handle = dlopen(library, RTLD_NOW);
		hazard_call *code = handle ? (hazard_call *)dlsym(handle, "plugin_call") : NULL;

		good += code && (i % 20 || hazard_reads_small(code) == 1);
		if (handle)
			dlclose(handle);
		if (i == 1)
			before = mappings();
	}
	say("loop", good);
	say("loop-mappings-grown", mappings() - before);
	fd = open(hazard_small, O_RDONLY);
	say("loop-descriptor", fd);
	close(fd);
}

static void copy_file(const char *to, int generation)
{
	static char data[262144];
	int in = open(library, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	long length = read(in, data, sizeof(data));

	/* Its generation is a number in its text: see programs/plugin.c. */
	for (long i = 0; i + 8 <= length; i++)
		if (!memcmp(data + i, "\xb8\x11\x22\x33\x44", 5))
			memcpy(data + i + 1, &generation, sizeof(generation));
	if (write(out, data, (size_t)length) != length)
		say("copy", -1);
	close(in);
	close(out);
}

static long generation(void *handle)
{
	long (*told)(void) = handle ? (long (*)(void))dlsym(handle, "plugin_generation") : NULL;

	return told ? told() : -1;
}

/* A file that was written just now; then another under its name, another in its place with the
 * same size, and one that has no name any more: always the code that is in the file. */
static void plugin_replaced(void)
{
	char path[] = "/tmp/hazard-plugin.XXXXXX", other[64];
	int fd = mkstemp(path);
	void *handle;

	close(fd);
	snprintf(other, sizeof(other), "%s.new", path);
	copy_file(path, 1001);
	handle = try_library("new-file", path);
	say("new-file-generation", generation(handle));
	dlclose(handle);
	copy_file(other, 1002);
	rename(other, path);
	handle = try_library("renamed-over", path);
#ifdef __GLIBC__ /* musl keeps the one it has */
	say("renamed-over-generation", generation(handle));
	dlclose(handle);
	copy_file(path, 1003);
	handle = try_library("overwritten", path);
	say("overwritten-generation", generation(handle));
	unlink(path);
	say("unlinked-generation", generation(handle));
	dlclose(handle);
#endif
	unlink(path);
}
#endif

/* The file's executable segment, and plugin_call in it as the file has it. */
static int find_segment(int fd, Elf64_Phdr *text)
{
	Elf64_Ehdr head;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head))
		return -1;
	for (int i = 0; i < head.e_phnum; i++)
		if (pread(fd, text, sizeof(*text),
			  (off_t)(head.e_phoff + (unsigned)i * sizeof(*text))) == sizeof(*text) &&
		    text->p_type == PT_LOAD && text->p_flags & PF_X)
			return 0;
	return -1;
}

/* Where in the text of the file its code stands; mapped text need not hold the same bytes. */
static size_t code_offset;

static void find_code(int fd, off_t offset, size_t bytes)
{
	unsigned char *text = malloc(bytes);
	ssize_t n = pread(fd, text, bytes, offset);
	unsigned char *code = n > 0 ? memmem(text, (size_t)n, hazard_code, 15) : NULL;

	code_offset = code ? (size_t)(code - text) : 0;
	free(text);
}

static void say_mapped(const char *name, const unsigned char *at)
{
	const unsigned char *code = at == MAP_FAILED || !code_offset ? NULL : at + code_offset;
	long good = 0, last = -1;

	for (int i = 0; code && i < 40; i++)
		good += (last = hazard_reads_small((hazard_call *)code)) == 1;
	say(name, good == 40 ? good : last);
}

/* Its text alone, nothing reserved around it: with room, without, one page of it, twice, read-only
 * first, and in memory that may be written. */
static void plugin_by_hand(void)
{
	int fd = open(library, O_RDONLY);
	unsigned char *at, *hole;
	Elf64_Phdr text;
	off_t offset;
	size_t bytes;

	if (fd < 0 || find_segment(fd, &text)) {
		say("by-hand", -1);
		return;
	}
	offset = (off_t)(text.p_offset & ~4095UL);
	bytes = (text.p_filesz + (text.p_offset & 4095) + 4095) & ~4095UL;
	find_code(fd, offset, bytes);
	at = mmap(NULL, bytes, RX, MAP_PRIVATE, fd, offset);
	say_mapped("by-hand", at);
	say_mapped("by-hand-twice", mmap(NULL, bytes, RX, MAP_PRIVATE, fd, offset));
	munmap(at, bytes);
	hole = mmap(NULL, bytes + 2 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	at = mmap(hole + 4096, bytes, RX, MAP_PRIVATE | MAP_FIXED, fd, offset);
	say_mapped("squeezed", at);
	say("squeezed-neighbours", hole[0] + hole[4096 + bytes]);
	munmap(hole, bytes + 2 * 4096);
	at = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, offset);
	mprotect(at, bytes, RX);
	say_mapped("protected-later", at);
	munmap(at, bytes);
	at = mmap(NULL, bytes, RX | PROT_WRITE, MAP_PRIVATE, fd, offset);
	say_mapped("writable", at);
	munmap(at, bytes);
	at = mmap(NULL, bytes, RX, MAP_SHARED, fd, offset);
	say_mapped("shared", at);
	at = mremap(at, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
		    mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	say_mapped("moved", at);
	munmap(at, bytes);
	hole = mmap(NULL, bytes, RX, MAP_PRIVATE, fd, offset);
	close(fd);
	say_mapped("closed", hole);
	munmap(hole, bytes);
}

void hazard_plugin(void)
{
	find_library();
	setenv("HAZARD_FILE", hazard_small, 1);
#ifdef HAZARD_DYNAMIC
	plugin_loop();
	try_library("again", library);
	plugin_replaced();
#endif
	plugin_by_hand();
}
