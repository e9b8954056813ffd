/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the kernel itself reads or writes a cloud file: sendfile, splice, copy_file_range. What it
 * is to read is fetched first and the file pinned, since nobody can look at the bits again
 * afterwards. Into a file, it writes as write(2) does; where only the kernel knows at which offset,
 * all of a base counts as changed, and nothing of the file is sent ahead.
 */
#include <errno.h>
#include <linux/fs.h>

#include "intercept/cloudfd.h"
#include "intercept/handlers.h"
#include "intercept/notes.h"
#include "intercept/room.h"
#include "intercept/usercopy.h"

#define COPY_STEP \
	(16ul << 20)   /* bytes: a longer request is answered short, and its caller goes on */
#define NO_OFFSET (-1) /* the call has no such argument */

/* Which argument is which. */
struct copy_args {
	int in, in_offset, out, out_offset, length;
};

static const struct copy_args sendfile_args = {1, 2, 0, NO_OFFSET, 3};
static const struct copy_args splice_args = {0, 1, 2, 3, 4}; /* copy_file_range as well */

/* Fetches what the kernel is about to read from fd: at *offset_user, or at its own offset. */
static long ensure_source(int fd, uint64_t offset_user, uint64_t bytes, int directory_error)
{
	struct vfile *vf;
	long ret = cloudfd_get(fd, &vf);
	int64_t offset = 0;

	if (ret <= 0)
		return ret;
	if (vf->vn->kind == VNODE_DIR)
		ret = directory_error;
	else if (offset_user)
		ret = user_read(&offset, (void *)offset_user, sizeof(offset));
	else
		ret = offset = sys3(__NR_lseek, fd, 0, SEEK_CUR);
	if (ret >= 0 && offset >= 0) /* or the kernel says what is wrong */
		ret = vfile_ensure(vf, (uint64_t)offset, bytes, WIRE_ENSURE_PIN);
	vfile_put(vf);
	return ret ? ret : 1;
}

/* Where the kernel is about to write into vf, and that its blocks are there. 0 or an errno. */
static int prepare_target(struct vfile *vf, uint64_t offset_user, uint64_t *offset, uint64_t *bytes)
{
	if (offset_user && user_read(offset, (void *)offset_user, sizeof(*offset)))
		return -EFAULT;
	if (!offset_user) {
		*offset = 0;
		*bytes = notes_have_base(vf) ? vf->vn->attr.size : 0;
	}
	if ((int64_t)*offset < 0)
		return -EINVAL;
	return vfile_ensure(vf, *offset, *bytes, 0);
}

static void count_all(struct vfile *vf)
{
	draft_place(vf->notes);
	notes_begin(vf, 0, vf->vn->attr.size);
	draft_unsure(vf->notes);
	notes_end(vf);
}

/* From a pipe the kernel may have to wait, and be interrupted: so it answers by itself. What it
 * does is counted before, and once more when it has. */
static long splice_into(struct vfile *vf)
{
	uint64_t offset, bytes;
	int ret = prepare_target(vf, 0, &offset, &bytes);

	if (ret)
		return ret;
	count_all(vf);
	return SYS_PASS_AFTER;
}

void copy_spliced(int fd)
{
	struct vfile *vf;

	if (cloudfd_get_writer(fd, &vf) != 1)
		return;
	count_all(vf);
	vfile_put(vf);
}

static long run(const struct sys_args *a, const struct vfile *vf)
{
	unsigned tries = 0;
	long ret;

	do {
		ret = sys6(a->nr, SYS_ARG(a->arg[0]), SYS_ARG(a->arg[1]), SYS_ARG(a->arg[2]),
			   SYS_ARG(a->arg[3]), SYS_ARG(a->arg[4]), SYS_ARG(a->arg[5]));
	} while (room_made(vf, ret, COPY_STEP, tries++));
	return ret;
}

/* At the current offset of a file that is written from start to end (write_on() of sys_write.c).
 * Returns whether it is. */
static bool copy_on(const struct sys_args *a, struct vfile *vf, long *ret_out)
{
	if (notes_have_base(vf) || draft_is_placed(vf->notes))
		return false;
	notes_begin(vf, 0, 0);
	if (draft_is_placed(vf->notes)) {
		notes_end(vf);
		return false;
	}
	*ret_out = run(a, vf);
	notes_wrote_on(vf, *ret_out);
	return true;
}

static long copy_into(struct sys_args *a, const struct copy_args *args, struct vfile *vf)
{
	uint64_t user = args->out_offset == NO_OFFSET ? 0 : a->arg[args->out_offset];
	uint64_t offset, bytes = a->arg[args->length];
	long ret;

	if (a->nr == __NR_splice)
		return splice_into(vf);
	if (!user && copy_on(a, vf, &ret))
		return ret;
	ret = prepare_target(vf, user, &offset, &bytes);
	if (ret)
		return ret;
	draft_place(vf->notes);
	notes_begin(vf, offset, bytes);
	if (!user)
		draft_unsure(vf->notes);
	ret = run(a, vf);
	if (user)
		notes_wrote(vf, offset, bytes, ret);
	else
		notes_end(vf);
	return ret;
}

/* Into what is not open for writing: of a directory copy_file_range(2) says that first. */
static long refuse_target(const struct sys_args *a, int fd, long error)
{
	struct vfile *vf;

	if (a->nr != __NR_copy_file_range || cloudfd_get(fd, &vf) != 1)
		return error;
	if (vf->vn->kind == VNODE_DIR)
		error = -EISDIR;
	vfile_put(vf);
	return error;
}

static long copy(struct sys_args *a, const struct copy_args *args)
{
	uint64_t bytes = a->arg[args->length] > COPY_STEP ? COPY_STEP : a->arg[args->length];
	struct vfile *target;
	long into = cloudfd_get_writer((int)a->arg[args->out], &target);
	long from = into < 0 ? refuse_target(a, (int)a->arg[args->out], into)
			     : ensure_source((int)a->arg[args->in], a->arg[args->in_offset], bytes,
					     a->nr == __NR_copy_file_range ? -EISDIR : -EINVAL);
	long ret = SYS_PASS;

	if (from >= 0 && (from || (into && a->nr != __NR_splice)) && bytes != a->arg[args->length])
		args_replace(a, args->length, bytes);
	if (from >= 0 && into)
		ret = copy_into(a, args, target);
	if (into > 0)
		vfile_put(target);
	return from < 0 ? from : ret;
}

long sys_sendfile(struct sys_args *a)
{
	return copy(a, &sendfile_args);
}

long sys_splice(struct sys_args *a)
{
	return copy(a, &splice_args);
}

long sys_copy_file_range(struct sys_args *a)
{
	return copy(a, &splice_args);
}
