/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execve, execveat: the new image starts in the runtime again, whatever the environment holds. All
 * that the kernel would refuse is refused here, before the point of no return; what the runtime
 * must not or cannot carry (set-uid programs, 32-bit ones, binfmt_misc) is left to the kernel.
 */
#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/enforce.h"
#include "intercept/execplan.h"
#include "intercept/fdtab.h"
#include "intercept/filter.h"
#include "intercept/handlers.h"
#include "intercept/path.h"
#include "intercept/report.h"
#include "intercept/request.h"
#include "intercept/self.h"
#include "intercept/signals.h"
#include "intercept/usercopy.h"

#define POINTERS_MAX (1u << 20) /* of argv and of envp; the kernel takes 6 MiB, strings included */
#define EXEC_FD_MIN  100 /* a copied descriptor stays clear of those that programs count on */
#define ANY_X	     0111

/* How many pointers before the NULL, or a negative errno. A NULL array is empty. */
static long count(uint64_t user)
{
	uint64_t at;

	for (unsigned n = 0; n < POINTERS_MAX; n++) {
		if (!user)
			return 0;
		if (user_read(&at, (void *)(user + 8ul * n), 8))
			return -EFAULT;
		if (!at)
			return n;
	}
	return -E2BIG;
}

/* The new argument array at out. For scripts: the innermost interpreter first, each with its
 * argument, then the script, then argv[1]. Returns the number of pointers, the NULL not counted. */
static long lay_argv(struct exec_plan *p, unsigned depth, uint64_t user, long argc, uint64_t *out)
{
	long n = 0, skip = 0;

	for (unsigned i = depth; i-- > 0;) {
		out[n++] = (uint64_t)p->front[2 * i];
		if (p->front[2 * i + 1])
			out[n++] = (uint64_t)p->front[2 * i + 1];
		/* the file this interpreter reads: the next outer interpreter, or the script */
		if (i == 0)
			out[n++] = (uint64_t)p->script;
	}
	if (depth)
		skip = argc > 0 ? 1 : 0;
	if (argc > skip && user_read(out + n, (void *)(user + 8ul * (unsigned long)skip),
				     8ul * (size_t)(argc - skip)))
		return -EFAULT;
	n += argc - skip;
	out[n] = 0;
	return n;
}

/* The environment with the handoff string last. off_out: SKYSHIM_OFF=1 stands in it. */
static int lay_envp(struct exec_plan *p, uint64_t user, long envc, uint64_t *out, bool *off_out)
{
	char head[16];

	if (envc && user_read(out, (void *)user, 8ul * (size_t)envc))
		return -EFAULT;
	*off_out = false;
	for (long i = 0; i < envc; i++) {
		long n = user_string(head, (const char *)out[i], sizeof(head) - 1);

		if (n == -EFAULT)
			return -EFAULT;
		if (n == 13 && !memcmp(head, "SKYSHIM_OFF=1", 13))
			*off_out = true;
	}
	out[envc] = (uint64_t)p->handoff;
	out[envc + 1] = 0;
	return 0;
}

/* script: p->script is what is executed, p->path its interpreter. */
static int build_handoff(struct thread *t, struct exec_plan *p, bool script)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t mask = signals_mask(t) | (t->sys_blocked ? SIGBIT(K_SIGSYS) : 0);
	struct handoff h = rt.handoff;
	int ret;

	for (int i = 0; i < 16; i++)
		p->mask[i] = digits[mask >> (60 - 4 * i) & 15];
	h.mask = p->mask;
	h.fd = p->fd[0] ? p->fd : NULL;
	h.exec = p->path;
	h.name = script && !strchr(p->script, '\n') ? p->script : NULL;
	h.cwd = t->proc->cwd_virtual ? t->proc->cwd : NULL;
	h.high = fdtab_high() ? "1" : NULL;
	h.filtered = h.home && t->armed ? "1" : NULL;
	ret = handoff_build(&h, p->handoff, sizeof(p->handoff));
	return ret < 0 ? ret : 0;
}

/* The kernel executes it, and nobody sees what it does with the descriptors it gets. */
static long leave_natively(void)
{
	cloudfd_closing_exec();
	cloudfd_lend();
	return SYS_PASS_GATE;
}

/* Has this process asked for a debugger? It looks at what execve has mapped, and sets breakpoints
 * there before the first instruction: there it must find the program itself. */
static bool debugged(struct thread *t)
{
	int pid;

	lock_take(&t->proc->lock);
	pid = t->proc->debugged;
	lock_drop(&t->proc->lock);
	return pid && pid == (int)sys0(__NR_getpid) && !(t->armed && filter_wanted());
}

/* What traces itself, PTRACE_TRACEME, is started by a debugger (gdb, gdbserver, lldb, ltrace);
 * strace and others take hold of their programs from outside. */
long sys_ptrace(struct sys_args *a)
{
	struct proc *proc = a->thread->proc;

	if (a->arg[0] == PTRACE_TRACEME) {
		lock_take(&proc->lock);
		proc->debugged = (int)sys0(__NR_getpid);
		lock_drop(&proc->lock);
	}
	return SYS_PASS;
}

/* A program that runs as itself, without the clouds: set-uid, 32-bit, binfmt_misc, debugged. */
static long native(const struct thread *t, const char *path)
{
	if (t->armed && filter_wanted()) {
		say("not run, because it would run natively, and code made at run time has led to "
		    "a "
		    "seccomp filter that this program's children cannot leave: ",
		    path);
		return -EPERM;
	}
	if (!rt.handoff.strict) {
		report_reason("a program that was started and runs natively (set-uid, 32-bit, by "
			      "binfmt_misc, for a debugger, not readable)",
			      0);
		report_write();
		return leave_natively();
	}
	say("not run, because it cannot be intercepted (--strict): ", path);
	return -EPERM;
}

/* `skyshim run` with another root, within this one: that runtime takes the place of this one, with
 * what it is handed over. */
static long hand_over(const struct thread *t, const struct exec_plan *p)
{
	if (p->is_cloud)
		return -ENOEXEC;
	if (t->armed && filter_wanted()) {
		say("not run: a `skyshim run` of another root cannot begin here, because code made "
		    "at run time has led to a seccomp filter that it could not leave",
		    "");
		return -EPERM;
	}
	if (t->proc->cwd_virtual) {
		say("not run: a `skyshim run` of another root has no such working directory: ",
		    t->proc->cwd);
		return -EPERM;
	}
	report_write();
	return leave_natively();
}

static long execute(struct sys_args *a, struct exec_plan *p, uint64_t argv, uint64_t envp)
{
	unsigned depth = 0;
	long argc = count(argv), envc = count(envp);
	uint64_t *new_argv = p->pointers, *new_envp;
	bool off = false;
	int ret = execplan_follow(p, &depth);

	if (argc < 0 || envc < 0)
		return argc < 0 ? argc : envc;
	if (ret < 0)
		return ret;
	if (ret == EXECPLAN_RUNTIME)
		return hand_over(a->thread, p);
	if (ret == EXECPLAN_NATIVE && p->is_cloud)
		return -ENOEXEC; /* the kernel finds nothing of that name */
	if (ret == EXECPLAN_NATIVE || debugged(a->thread))
		return native(a->thread, p->path);
	if (depth && p->is_cloud) /* its interpreter opens it by its name */
		sys3(__NR_fcntl, path_number(p->fd), F_SETFD, FD_CLOEXEC);
	if (depth)
		p->fd[0] = '\0'; /* the script itself is read from it, by its interpreter */
	new_envp = new_argv + argc + 3 * SHEBANG_DEPTH_MAX + 2;
	argc = lay_argv(p, depth, argv, argc, new_argv);
	if (argc < 0)
		return argc;
	ret = lay_envp(p, envp, envc, new_envp, &off);
	if (ret)
		return ret;
	if (off && (!a->thread->armed || !filter_wanted()))
		return leave_natively();
	if (off)
		return native(a->thread, p->path);
	/* one that has come was for this image, others wait for the next */
	signals_hold(a->thread);
	if (a->thread->put_off)
		return SYS_AGAIN;
	cloudfd_closing_exec();
	ret = build_handoff(a->thread, p, depth > 0);
	if (ret)
		return ret;
	signals_hand_on(a->thread);
	report_write();
	return self_exec(new_argv, new_envp);
}

/* fd: -1, or the descriptor behind path, which the program must not find open; of a cloud file if
 * cloud is set. */
static long exec_file(struct sys_args *a, const char *path, uint64_t argv, uint64_t envp, int fd,
		      bool cloud)
{
	long argc = count(argv), envc = count(envp);
	struct exec_plan *p;
	size_t bytes;
	long ret, at;

	if (argc < 0 || envc < 0)
		return argc < 0 ? argc : envc;
	bytes = sizeof(*p) + 8ul * ((size_t)argc + (size_t)envc + 3 * SHEBANG_DEPTH_MAX + 8);
	at = sys6(__NR_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		  -1, 0);
	if (sys_failed(at))
		return -ENOMEM;
	p = (struct exec_plan *)at;
	a->thread->exec_scratch = p;
	a->thread->exec_scratch_bytes = bytes;
	memcpy(p->path, path, strlen(path) + 1);
	if (fd >= 0)
		path_format_number((unsigned)fd, p->fd);
	p->is_cloud = cloud;
	ret = execute(a, p, argv, envp);
	sys2(__NR_munmap, p, bytes);
	a->thread->exec_scratch = NULL;
	return ret;
}

static long exec_path(struct sys_args *a, const char *path, uint64_t argv, uint64_t envp, int fd)
{
	return exec_file(a, path, argv, envp, fd, false);
}

/* A file without a name of its own (a memfd, a deleted file): the new image is told a descriptor,
 * which it closes once it has loaded from it. A script's interpreter reads it by that name. */
static long exec_nameless(struct sys_args *a, int fd, uint64_t argv, uint64_t envp)
{
	char path[32] = "/proc/self/fd/";
	long copy = sys3(__NR_fcntl, fd, F_DUPFD, EXEC_FD_MIN);
	long ret;

	if (copy < 0)
		return copy;
	path_format_number((unsigned)copy, path + strlen(path));
	ret = exec_path(a, path, argv, envp, (int)copy);
	sys1(__NR_close, copy);
	return ret;
}

/* A descriptor of the cloud file, all of which is there, for the new image to load from. It
 * outlives the execve; its number is not one that programs count on. */
static long open_program(const struct vpath *path)
{
	struct wire_attr attr;
	struct request rq;
	struct vfile *vf;
	long ret = path_stat(path, &attr);

	if (!ret && (!S_ISREG(attr.mode) || !(attr.mode & ANY_X)))
		ret = -EACCES;
	if (!ret)
		ret = enforce_use(path, WHO_X);
	if (!ret)
		ret = cloudfd_ask(path, O_RDONLY, 0, &rq);
	if (ret)
		return ret;
	vf = vfile_map(rq.fd[1]);
	ret = vf ? vfile_ensure(vf, 0, vf->vn->attr.size, WIRE_ENSURE_PIN) : -ENOMEM;
	vfile_put(vf);
	if (!ret)
		ret = sys3(__NR_fcntl, rq.fd[0], F_DUPFD, EXEC_FD_MIN);
	request_close_fds(&rq);
	return ret;
}

static long exec_cloud(struct sys_args *a, const struct vpath *path, uint64_t argv, uint64_t envp)
{
	char *name = (char *)a->thread->iov;
	long fd = open_program(path);
	long ret;

	if (fd < 0)
		return fd;
	dir_absolute(path->text, name);
	ret = exec_file(a, name, argv, envp, (int)fd, true);
	sys1(__NR_close, fd);
	return ret;
}

/* The same by a descriptor of it. -ENOSYS: it is none of a cloud file. */
static long exec_cloud_fd(struct sys_args *a, int fd, uint64_t argv, uint64_t envp)
{
	struct vpath *path = &a->thread->path[0];
	struct vfile *vf;
	int ret = fd < 0 ? 0 : cloudfd_get(fd, &vf);

	if (ret <= 0)
		return ret ? ret : -ENOSYS;
	memcpy(path->text, vnode_path(vf->vn), vf->vn->path_len + 1);
	path->len = vf->vn->path_len;
	path->must_be_dir = false;
	vfile_put(vf);
	return exec_cloud(a, path, argv, envp);
}

static long exec_fd(struct sys_args *a, int fd, uint64_t argv, uint64_t envp)
{
	long ret = exec_cloud_fd(a, fd, argv, envp);

	return ret == -ENOSYS ? exec_nameless(a, fd, argv, envp) : ret;
}

long sys_execve(struct sys_args *a)
{
	int ret = path_is_cloud(a, PATH_NO_DIRFD, 0, 0, 0);
	const char *name = a->replaced ? (const char *)a->arg[0] : a->thread->name;

	if (ret)
		return ret < 0 ? ret : exec_cloud(a, &a->thread->path[0], a->arg[1], a->arg[2]);
	if (user_string(a->thread->name, (const char *)a->arg[0], WIRE_PATH_MAX) <= 0)
		return SYS_PASS;
	if (path_proc_self(name) && !strncmp(path_proc_self(name), "fd/", 3))
		return exec_fd(a, path_number(path_proc_self(name) + 3), a->arg[1], a->arg[2]);
	return exec_path(a, name, a->arg[1], a->arg[2], -1);
}

/* Do both names mean one file? */
static bool same_file(int dirfd, const char *name, const char *path)
{
	struct stat a, b;
	unsigned flags = *name ? 0 : AT_EMPTY_PATH;

	return !sys4(__NR_newfstatat, dirfd, name, &a, flags) && !sys2(__NR_stat, path, &b) &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* By descriptor, or relative to one, the file's own absolute name is used if it still means that
 * file. */
long sys_execveat(struct sys_args *a)
{
	struct thread *t = a->thread;
	char link[32] = "/proc/self/fd/";
	char *path = (char *)t->iov;
	int dirfd = (int)a->arg[0];
	int ret = path_is_cloud(a, 0, 1, 0, 0);
	long n, cloud;

	if (ret)
		return ret < 0 ? ret : exec_cloud(a, &t->path[0], a->arg[2], a->arg[3]);
	if (user_string(t->name, (const char *)a->arg[1], sizeof(t->name)) < 0)
		return SYS_PASS;
	if (t->name[0] == '/' || (t->name[0] && dirfd == AT_FDCWD))
		return exec_path(a, t->name, a->arg[2], a->arg[3], -1);
	if (!t->name[0] && !(a->arg[4] & AT_EMPTY_PATH))
		return SYS_PASS;
	cloud = t->name[0] ? -ENOSYS : exec_cloud_fd(a, dirfd, a->arg[2], a->arg[3]);
	if (cloud != -ENOSYS)
		return cloud;
	path_format_number((unsigned)dirfd, link + strlen(link));
	n = sys3(__NR_readlink, link, path, WIRE_PATH_MAX - 1);
	if (n <= 0 || (size_t)n + strlen(t->name) + 2 > WIRE_PATH_MAX)
		return SYS_PASS;
	path[n] = '\0';
	if (t->name[0]) {
		path[n] = '/';
		memcpy(path + n + 1, t->name, strlen(t->name) + 1);
	}
	if (same_file(dirfd, t->name, path))
		return exec_path(a, path, a->arg[2], a->arg[3], -1);
	return t->name[0] ? SYS_PASS : exec_nameless(a, dirfd, a->arg[2], a->arg[3]);
}
