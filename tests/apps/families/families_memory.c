/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: what may be had of it and where, limits, layouts. */
#include "tests/apps/families/families.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ul
#define MAPS 512

void family_limits(void)
{
	struct rlimit lim = {1ul << 32, 1ul << 32}, now;
	char *argv[] = {"x", "stack", NULL}, *none[] = {NULL};
	void *at;

	say("set address space", setrlimit(RLIMIT_AS, &lim));
	at = mmap(NULL, 1ul << 33, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	say("map more than that", at == MAP_FAILED ? -1 : 0);
	at = mmap(NULL, 1ul << 24, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("map less", at == MAP_FAILED ? -1 : 0);
	read_file();
	lim = (struct rlimit){1 << 21, 1 << 21};
	say("set stack", setrlimit(RLIMIT_STACK, &lim));
	run_child(argv, none);
	lim = (struct rlimit){20, 20};
	say("set descriptors", setrlimit(RLIMIT_NOFILE, &lim));
	say("dup beyond", fcntl(0, F_DUPFD, 20));
	read_file();
	say("get", getrlimit(RLIMIT_NOFILE, &now));
	say("descriptors", (long)now.rlim_cur);
}

void family_memory(void)
{
	char *page =
		mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *at;

	say("mlock", mlock(page, 4096));
	say("munlock", munlock(page, 4096));
	say("huge", madvise(page, 4 << 20, MADV_HUGEPAGE));
	page[5000] = 7;
	say("dontneed", madvise(page + 4096, 4096, MADV_DONTNEED));
	say("zero", page[5000]);
	at = mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	say("noreplace over", at == MAP_FAILED ? -1 : 0);
	munmap(page, 4 << 20);
	at = mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	say("noreplace free", at == page ? 0 : -1);
	at = mremap(at, 4096, 8192, MREMAP_MAYMOVE);
	say("mremap", at == MAP_FAILED ? -1 : 0);
	say("membarrier", syscall(SYS_membarrier, 0, 0, 0) < 0 ? -1 : 0);
	read_file();
}

static void *touch(void *page)
{
	return (void *)(intptr_t) * (volatile char *)page;
}

/* A page that another thread provides, when it is touched. */
void family_userfault(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffdio_copy copy = {0};
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	struct uffd_msg msg = {0};
	pthread_t thread;
	void *value;

	say("userfaultfd", fd < 0 ? -1 : 0);
	if (fd < 0)
		return;
	say("api", ioctl(fd, UFFDIO_API, &api));
	range.range.start = (uintptr_t)pages;
	range.range.len = 4096;
	say("register", ioctl(fd, UFFDIO_REGISTER, &range));
	pthread_create(&thread, NULL, touch, pages);
	say("event", read(fd, &msg, sizeof(msg)) > 0 && msg.event == UFFD_EVENT_PAGEFAULT);
	read_file();
	memset(pages + 4096, 42, 4096);
	copy.dst = (uintptr_t)pages;
	copy.src = (uintptr_t)pages + 4096;
	copy.len = 4096;
	say("copy", ioctl(fd, UFFDIO_COPY, &copy));
	pthread_join(thread, &value);
	say("value", (intptr_t)value);
	close(fd);
}

void family_brk(void)
{
	char *start = (char *)syscall(SYS_brk, 0L), *end = start + (48 << 20);
	void *in_the_way;

	say("grows", syscall(SYS_brk, end) == (long)end);
	memset(start, 7, (size_t)(end - start));
	read_file();
	say("shrinks", syscall(SYS_brk, start + PAGE) == (long)(start + PAGE));
	say("again", syscall(SYS_brk, start + 2 * PAGE) == (long)(start + 2 * PAGE));
	say("zero again", start[PAGE + 5]);
	say("below its start", syscall(SYS_brk, 4096L) == (long)(start + 2 * PAGE));
	/* Behind it, with a page between: it cannot pass that. */
	in_the_way = mmap(start + (1 << 20), PAGE, PROT_READ,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	say("in its way", in_the_way == MAP_FAILED ? -1 : 0);
	say("not over that", syscall(SYS_brk, start + (2 << 20)) == (long)(start + 2 * PAGE));
	say("malloc", malloc(64 << 20) != NULL);
	read_file();
}

struct range {
	uintptr_t from, to;
	char mode[8];
	char name[41]; /* its beginning, behind spaces */
};

/* By hand: what a libc allocates to read a file would be listed, and gone afterwards. */
static int own_maps(struct range *out)
{
	static char text[65536];
	int fd = open("/proc/self/maps", O_RDONLY), count = 0;
	size_t used = 0;
	ssize_t n;

	while ((n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	text[used] = '\0';
	for (char *line = text; count < MAPS && *line; line = strchr(line, '\n') + 1) {
		*out = (struct range){0};
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s%40[^\n]", &out->from, &out->to, out->mode,
			   out->name) >= 3) {
			out++;
			count++;
		}
	}
	return count;
}

/* Whatever can be read is, as a garbage collector does that looks for pointers. */
static long scan(const struct range *map)
{
	long sum = 0;

	if (map->mode[0] != 'r' || strstr(map->name, "[v"))
		return 0;
	for (uintptr_t at = map->from; at < map->to; at += PAGE)
		sum |= *(volatile char *)at;
	return sum;
}

/* Executable memory that the program has never mapped does not exist, natively. Whoever takes it
 * away goes on as before. */
static void take_away(const struct range *map)
{
	size_t bytes = map->to - map->from;

	if (map->mode[2] != 'x' || strpbrk(map->name, "/["))
		return;
	mmap((void *)map->from, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	munmap((void *)map->from, bytes);
}

/* Every free page behind what is mapped can be had, and given back. */
void family_near(void)
{
	static struct range map[MAPS];
	int count = own_maps(map), refused = 0, others = 0;
	unsigned char there;
	volatile long sum = 0;

	say("some", count > 8);
	for (int i = 0; i < count; i++) {
		uintptr_t next = i + 1 < count ? map[i + 1].from : map[i].to;
		void *at;

		sum |= scan(&map[i]);
		if (strchr(map[i].name, '[') || next - map[i].to < PAGE || next >> 47)
			continue; /* the kernel keeps a distance to the stack */
		at = mmap((void *)map[i].to, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		refused += at == MAP_FAILED;
		at = mmap((void *)map[i].to, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		others += at != (void *)map[i].to;
		if (at == (void *)map[i].to) {
			memset(at, 1, PAGE);
			munmap(at, PAGE);
		}
	}
	for (int i = 0; i < count; i++)
		take_away(&map[i]);
	say("refused", refused);
	say("elsewhere", others);
	say("mincore", mincore(map, PAGE, &there));
	read_file();
	say("mlockall", mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT));
	read_file();
	say("munlockall", munlockall());
	say("huge pages", mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) == MAP_FAILED
				  ? -1
				  : 0);
	say("big", big_sum(54321));
}

static const int in_data = 5;

/* Where the parts of a program are, when nothing is at random: twice the same. */
int layout_child(int argc, char **argv)
{
	void *mapped;

	if (argc < 2 || strcmp(argv[1], "layout") != 0)
		return -1;
	mapped = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("%s %d: program %p, above 4 GiB %d, stack %p\n", argv[2],
	       personality(0xffffffff) & ADDR_NO_RANDOMIZE ? 1 : 0,
	       argv[2][0] == 'f' ? (const void *)&in_data : NULL, (uintptr_t)mapped >> 32 != 0,
	       argv[2][0] == 'f' ? (void *)((uintptr_t)argv & ~0xffffful) : NULL);
	fflush(stdout);
	return argv[2][0] == 'm' ? (int)((uintptr_t)mapped >> 12 & 127) : 70;
}

void family_layout(void)
{
	char *fixed[] = {(char *)self_path, "layout", "fixed", NULL};
	char *unlimited[] = {(char *)self_path, "layout", "unlimited", NULL};
	char *shell[] = {"sh", "-c", "exit 14", NULL};
	struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY}, was;
	pid_t pid;

	say("was random", personality(ADDR_NO_RANDOMIZE));
	run_child(fixed, (char *[]){NULL});
	run_child(fixed, (char *[]){NULL});
	personality(ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT);
	run_child(unlimited, (char *[]){NULL});
	personality(0);
	getrlimit(RLIMIT_STACK, &was);
	if (was.rlim_max != RLIM_INFINITY)
		return;
	say("unlimited stack", setrlimit(RLIMIT_STACK, &most));
	run_child(unlimited, (char *[]){NULL});
	if (!(pid = fork())) {
		execv("/bin/sh", shell);
		_exit(99);
	}
	say("shell", ended(pid));
	say("other's limit", prlimit(getpid(), RLIMIT_STACK, &was, &most));
	say("was", most.rlim_cur == RLIM_INFINITY);
	read_file();
}
