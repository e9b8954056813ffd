/* SPDX-License-Identifier: Apache-2.0 */
/* Rights that a program gives up or changes, and name spaces of its own. */
#include "tests/apps/families/families.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void family_rights(void)
{
	struct {
		uint32_t version;
		int pid;
	} head = {0x20080522, 0};
	struct {
		uint32_t effective, permitted, inheritable;
	} caps[2] = {{0}};

	say("no new privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	say("capset", syscall(SYS_capset, &head, caps));
	say("capget", syscall(SYS_capget, &head, caps));
	say("effective", caps[0].effective);
	read_file();
	say("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
	say("dumpable", prctl(PR_SET_DUMPABLE, 0));
	read_file();
}

/* Writing is given up, reading goes on. */
void family_landlock(void)
{
	uint64_t handled = 1 << 1; /* LANDLOCK_ACCESS_FS_WRITE_FILE */
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);

	say("ruleset", ruleset < 0 ? -1 : 0);
	say("no new privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	say("restrict", syscall(SYS_landlock_restrict_self, ruleset, 0));
	say("write", open("/dev/null", O_WRONLY) < 0 ? -1 : 0);
	read_file();
	close(ruleset);
}

static void write_text(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);

	say(name, write(fd, text, strlen(text)) < 0 ? -1 : 0);
	close(fd);
}

static void say_owner(const char *what)
{
	struct stat st = {0};

	say(what, stat(file, &st));
	printf("owner %u, group %u, we %u %u\n", st.st_uid, st.st_gid, getuid(), getgid());
	fflush(stdout);
}

/* In a user name space nobody is who he was, until he is mapped; then he is root there. */
static int in_namespace(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();

	say("ids", setresuid(uid, uid, uid) || setresgid(gid, gid, gid));
	if (unshare(CLONE_NEWUSER)) {
		say("user", -1);
		return 1;
	}
	say_owner("not mapped");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_text("/proc/self/uid_map", map);
	write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_text("/proc/self/gid_map", map);
	say_owner("mapped");
	say("mounts", unshare(CLONE_NEWNS));
	read_file();
	say("big", big_sum(345678));
	say("names", unshare(CLONE_NEWUTS));
	say("processes", unshare(CLONE_NEWPID));
	if (!fork())
		_exit(getpid() == 1 && file_sum() > 0 && big_sum(456789) > 0 ? 40 : 41);
	say("first process", ended(-1));
	return 0;
}

void family_namespaces(void)
{
	say("without threads", in_namespace());
	say("chroot", chroot("/"));
	read_file();
	say("no root", setresuid(65534, 65534, 65534));
}
