/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cloudfd.h. A descriptor that is duplicated and then closed (as a shell does for "> file")
 * publishes nothing: the duplicate will. Two descriptors that were opened by themselves do, each.
 */
#include "intercept/cloudfd.h"

#include <errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/kcmp.h>

#include "intercept/fdtab.h"
#include "intercept/mapped.h"
#include "intercept/notes.h"
#include "intercept/path.h"
#include "intercept/umask.h"

#define CLOUDFD_STATUS (O_NONBLOCK | O_APPEND | O_NOATIME) /* kept, on the descriptor we got */
#define CLOUDFD_ASKED \
	(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_DIRECTORY | O_PATH) /* of the daemon */
#define LOW_FDS	     10 /* where a shell puts what it redirects */
#define STANDARD_FDS 3

static uint32_t forks; /* atomic; since the program began */

int cloudfd_ask(const struct vpath *path, unsigned flags, unsigned mode, struct request *rq)
{
	bool writes = (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR;
	int ret;

	*rq = (struct request){
		.op = WIRE_OPEN,
		.text = path->text,
		.text_len = (uint32_t)path->len,
		.flags = (flags & CLOUDFD_ASKED) | path_flags(path),
	};
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		rq->mode = mode & 07777 & ~umask_now();
	if ((flags & O_TMPFILE) == O_TMPFILE)
		rq->flags = (flags & (O_ACCMODE | O_EXCL)) | WIRE_UNNAMED;
	ret = request_run(rq);
	if (ret)
		return ret;
	if (rq->fds == 3 || (rq->fds == 2 && !writes))
		return 0;
	request_close_fds(rq);
	return -EIO;
}

void cloudfd_forking(void)
{
	__atomic_add_fetch(&forks, 1, __ATOMIC_SEQ_CST);
}

static void opened_here(struct vfile *vf)
{
	uint32_t now = __atomic_load_n(&forks, __ATOMIC_SEQ_CST);

	__atomic_store_n(&vf->opened, now + 1, __ATOMIC_SEQ_CST);
}

long cloudfd_install(struct request *rq, unsigned flags)
{
	struct vfile *vf = vfile_map(rq->fd[1]);
	bool writer = (flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH);
	int ret = vf ? 0 : -ENOMEM;
	long fd;

	if (vf && rq->fds == 3)
		ret = notes_attach(vf, rq->fd[2]);
	if (ret) {
		vfile_put(vf);
		request_close_fds(rq);
		return ret;
	}
	for (unsigned i = 1; i < rq->fds; i++)
		sys1(__NR_close, rq->fd[i]);
	/* The connection held the lowest number while the answer came: take it now. */
	fd = sys3(__NR_fcntl, rq->fd[0], flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
	sys1(__NR_close, rq->fd[0]);
	rq->fds = 0;
	if (fd >= 0) {
		if (flags & O_PATH)
			window_off(vf);
		else if (flags & CLOUDFD_STATUS)
			sys3(__NR_fcntl, fd, F_SETFL, flags & CLOUDFD_STATUS);
		if (writer)
			opened_here(vf);
		fdtab_note((int)fd, vf, writer);
	}
	vfile_put(vf);
	return fd;
}

static int get(int fd, struct vfile **out, bool *writer)
{
	struct vfile *vf = fdtab_get_for(fd, writer);

	if (!vf)
		return 0;
	if (!vf->vn) {
		vfile_put(vf);
		return -EIO;
	}
	*out = vf;
	return 1;
}

int cloudfd_get(int fd, struct vfile **out)
{
	bool writer;

	return get(fd, out, &writer);
}

int cloudfd_get_writer(int fd, struct vfile **out)
{
	bool writer;
	int ret = get(fd, out, &writer);

	if (ret <= 0)
		return ret;
	ret = writer ? notes_have(*out) : -EBADF;
	if (!ret)
		return 1;
	vfile_put(*out);
	return ret;
}

void cloudfd_reopened(int fd)
{
	struct vfile *vf;

	fdtab_arrived(fd);
	if (cloudfd_get_writer(fd, &vf) != 1)
		return;
	__atomic_store_n(&vf->opened, 0, __ATOMIC_SEQ_CST);
	draft_place(vf->notes);
	vfile_put(vf);
}

static bool same_description(int a, int b)
{
	long pid = sys0(__NR_gettid);

	return a != b && sys5(__NR_kcmp, pid, pid, KCMP_FILE, a, b) == 0;
}

static bool has_duplicate(int fd, const struct vfile *vf)
{
	struct vfile *other;

	for (int i = 0; i < LOW_FDS; i++)
		if (same_description(fd, i))
			return true;
	for (int i = -1; (i = fdtab_next_writer(i, &other)) >= 0;) {
		vfile_put(other);
		if (other == vf && same_description(fd, i))
			return true;
	}
	return false;
}

/* Is fd for certain the only one of what it was opened as, here and in other processes? That nobody
 * else has opened it, only the daemon knows. */
static bool is_only(int fd, const struct vfile *vf)
{
	struct vfile *other;

	if (__atomic_load_n(&vf->opened, __ATOMIC_SEQ_CST) !=
	    __atomic_load_n(&forks, __ATOMIC_SEQ_CST) + 1)
		return false; /* inherited or received; or a process was made that has it as well */
	for (int i = -1; (i = fdtab_next_writer(i, &other)) >= 0;) {
		vfile_put(other);
		if (other == vf && i != fd)
			return false;
	}
	return !has_duplicate(fd, vf);
}

/* The descriptors of the answer in place of fd, which keeps its number and its flags. That comes
 * first: what is written to what was there before goes nowhere any more. For what cannot be mapped
 * now it is asked with the next call. */
static long take_place(int fd, struct request *rq)
{
	long kept = sys3(__NR_fcntl, fd, F_GETFD, 0), status = sys3(__NR_fcntl, fd, F_GETFL, 0);
	long ret = sys3(__NR_dup3, rq->fd[0], fd, kept & FD_CLOEXEC ? O_CLOEXEC : 0);
	struct vfile *vf;

	if (ret != fd)
		return ret;
	sys3(__NR_fcntl, fd, F_SETFL, status & CLOUDFD_STATUS);
	fdtab_forget(fd);
	vf = vfile_map(rq->fd[1]);
	if (vf && !notes_attach(vf, rq->fd[2]))
		fdtab_note(fd, vf, true);
	vfile_put(vf);
	return 0;
}

long cloudfd_clone(int fd, const struct vfile *source)
{
	struct request rq = {.op = WIRE_CLONE, .offset = source->dev, .length = source->ino};
	struct vfile *vf;
	long ret = cloudfd_get_writer(fd, &vf);

	if (ret <= 0)
		return ret ? ret : -EOPNOTSUPP;
	rq.data_dev = vf->dev;
	rq.data_ino = vf->ino;
	ret = is_only(fd, vf) && !sys3(__NR_lseek, fd, 0, SEEK_CUR) ? request_run(&rq)
								    : -EOPNOTSUPP;
	vfile_put(vf);
	if (ret)
		return ret;
	ret = rq.fds == 3 ? take_place(fd, &rq) : -EIO;
	request_close_fds(&rq);
	return ret;
}

/* A descriptor that is not known has not been written by in this process, and a filter of the
 * program's may kill it for asking: what was open before that is known (sys_seccomp.c). */
static bool may_ask(int fd)
{
	return !__atomic_load_n(&rt.sandboxed, __ATOMIC_RELAXED) || fdtab_known(fd);
}

static int closing(int fd, int (*flush)(struct vfile *vf))
{
	struct vfile *vf = may_ask(fd) ? fdtab_get_writer(fd) : NULL;
	int ret;

	if (!vf)
		return 0;
	ret = notes_have(vf);
	if (!ret) {
		mapped_count(vf);
		if (notes_dirty(vf) && !has_duplicate(fd, vf))
			ret = flush(vf);
		mapped_closing(vf, fd);
	}
	vfile_put(vf);
	return ret;
}

int cloudfd_closing(int fd)
{
	return closing(fd, notes_close);
}

void cloudfd_replacing(int fd)
{
	closing(fd, notes_close_untold);
}

void cloudfd_closing_range(unsigned first, unsigned last)
{
	struct vfile *vf;
	int fd = first ? (int)(first - 1 < INT32_MAX ? first - 1 : INT32_MAX) : -1;

	while ((fd = fdtab_next_writer(fd, &vf)) >= 0 && (unsigned)fd <= last) {
		if (__atomic_load_n(&vf->settles, __ATOMIC_RELAXED) && !notes_have(vf)) {
			mapped_count(vf);
			notes_close_untold(vf);
		}
		vfile_put(vf);
	}
	if (fd >= 0)
		vfile_put(vf);
}

static bool stays(int fd)
{
	return !(sys3(__NR_fcntl, fd, F_GETFD, 0) & FD_CLOEXEC);
}

/* Does any descriptor that vf is written by outlive an execve? */
static bool outlives(const struct vfile *vf)
{
	struct vfile *other;

	for (int fd = -1; (fd = fdtab_next_writer(fd, &other)) >= 0;) {
		vfile_put(other);
		if (other == vf && stays(fd))
			return true;
	}
	return false;
}

void cloudfd_closing_exec(void)
{
	uint32_t round = vfile_round();
	struct vfile *vf;

	if (thread_current()->borrowed)
		return;
	mapped_count_all();
	while ((vf = vfile_next(round, notes_dirty_here))) {
		if (!outlives(vf))
			notes_close_untold(vf);
		vfile_put(vf);
	}
	notes_settle(false); /* the next program does not know of it */
}

/* As if it were mapped: nobody tells when it is written to. */
static void lend(int fd)
{
	struct vfile *vf;

	if (cloudfd_get_writer(fd, &vf) != 1)
		return;
	if (stays(fd) && !vfile_ensure(vf, 0, vf->vn->attr.size, WIRE_ENSURE_PIN))
		mapped_begin(vf, 0, vf->vn->attr.size);
	vfile_put(vf);
}

void cloudfd_lend(void)
{
	struct vfile *vf;

	for (int fd = 0; fd < LOW_FDS; fd++)
		lend(fd);
	for (int fd = LOW_FDS - 1; (fd = fdtab_next_writer(fd, &vf)) >= 0;) {
		vfile_put(vf);
		lend(fd);
	}
}

bool cloudfd_settle(const struct thread *t)
{
	if (t->borrowed)
		return true;
	/* What was inherited as standard output is answered for even if nothing was written. */
	for (int fd = 0; fd < STANDARD_FDS; fd++) {
		struct vfile *vf = may_ask(fd) ? fdtab_get_writer(fd) : NULL;

		if (vf)
			notes_have(vf);
		vfile_put(vf);
	}
	mapped_count_all();
	notes_flush_all(true);
	notes_settle(true);
	return !notes_failed();
}
