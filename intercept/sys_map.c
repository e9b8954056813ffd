/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: cloud files are fetched before they are mapped, executable files are mapped from their
 * twins, and where executable memory comes from nowhere we know, the trap is set first.
 */
#include <errno.h>
#include <linux/mman.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/fdtab.h"
#include "intercept/handlers.h"
#include "intercept/image.h"
#include "intercept/load.h"
#include "intercept/mapped.h"
#include "intercept/notes.h"
#include "intercept/request.h"
#include "intercept/trapped.h"
#include "intercept/uring.h"
#include "intercept/usercopy.h"

#define PAGE_UP(x)	  (((x) + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1))
#define FIXED		  (MAP_FIXED | MAP_FIXED_NOREPLACE)
#define K_SHM_EXEC	  0100000u
#define READ_IMPLIES_EXEC 0x0400000u
#define VALGRIND_BASE	  0x58000000ul /* where its tools are linked to, and hardly anything else */

static long map(const struct sys_args *a, int fd, uint64_t bytes)
{
	return sys6(__NR_mmap, a->arg[0], bytes, a->arg[2], a->arg[3], fd, a->arg[5]);
}

/* Executable memory that no twin proves: made by the kernel, watched by the trap. */
static long map_unproven(struct sys_args *a, const char *why)
{
	int ret = trapped_expect(why);

	if (a->arg[3] & MAP_FIXED)
		image_touched(a->arg[0], a->arg[1]);
	return ret ? ret : SYS_PASS;
}

/* The segment of head that holds this part of the file; NULL: none, or not all of it. */
static const struct twin_segment *segment_of(const struct twin_header *head, uint64_t offset,
					     uint64_t bytes)
{
	for (uint32_t i = 0; i < head->segment_count; i++) {
		const struct twin_segment *s = &head->segment[i];

		if (offset >= s->offset && offset - s->offset < s->bytes &&
		    PAGE_UP(bytes) <= s->bytes - (offset - s->offset))
			return s;
	}
	return NULL;
}

/* The twin's text at the address that the kernel or the program has chosen. An address, or an
 * error: then the original is mapped. */
static long map_text(struct sys_args *a, int twin_fd, const struct twin_header *head,
		     const struct twin_segment *s)
{
	int fd = head->site_count ? twin_fd : (int)a->arg[4];
	uint64_t vaddr = s->vaddr + (a->arg[5] - s->offset);
	long at = map(a, fd, a->arg[1]);
	uint64_t base;

	if (sys_failed(at))
		return at;
	base = (uint64_t)at - (vaddr - head->low);
	if (a->arg[3] & FIXED)
		image_touched((uint64_t)at, a->arg[1]);
	if (image_add_piece(twin_fd, head, base, (uint64_t)at, PAGE_UP(a->arg[1])))
		return at;
	if (!(a->arg[3] & MAP_FIXED)) /* what is fixed is replaced anyway */
		sys2(__NR_munmap, at, PAGE_UP(a->arg[1]));
	return -EEXIST;
}

/* A loader's first mapping of a file: the extent of all its segments, to be filled by fixed
 * mappings. The trampolines get their room behind it. */
static long map_extent(struct sys_args *a, int fd, int twin_fd, const struct twin_header *head)
{
	uint64_t room = head->code_vaddr - head->low + head->code_bytes;
	bool twins = a->arg[2] & PROT_EXEC && head->site_count;
	long at = map(a, twins ? twin_fd : fd, room);

	if (sys_failed(at))
		return at;
	if (!image_add(twin_fd, head, (uint64_t)at)) {
		sys2(__NR_munmap, at, room);
		return -ENOMEM;
	}
	return at;
}

/* Is this how a loader maps an ELF file for the first time? Then *front is filled. */
static bool loaders_extent(const struct sys_args *a, struct load_front *front)
{
	struct elf_info info;

	if (a->arg[3] & FIXED || a->arg[5] % PAGE_BYTES)
		return false;
	if (load_front((int)a->arg[4], front) || load_headers(front, &info) ||
	    info.ehdr.e_type != ET_DYN)
		return false;
	for (unsigned i = 0; i < info.phdr_count; i++)
		if (info.phdr[i].p_type == PT_LOAD)
			return PAGE_UP(a->arg[1]) == info.high - info.low &&
			       a->arg[5] == (info.phdr[i].p_offset & ~(PAGE_BYTES - 1));
	return false;
}

/* Text at its place in an image whose trampolines are there, as a loader maps it after the extent.
 * An address, or an error: it is something else. */
static long map_text_within(struct sys_args *a)
{
	const struct image_twin *i = a->arg[3] & MAP_FIXED ? image_at(a->arg[0]) : NULL;
	const struct twin_segment *s = i ? segment_of(&i->head, a->arg[5], a->arg[1]) : NULL;
	int twin_fd;
	long ret;

	if (!s || a->arg[2] & PROT_WRITE ||
	    a->arg[0] - i->base != s->vaddr - i->head.low + (a->arg[5] - s->offset))
		return -ENOENT;
	twin_fd = image_twin_again(i, (int)a->arg[4]);
	if (twin_fd < 0)
		return twin_fd;
	ret = map(a, i->head.site_count ? twin_fd : (int)a->arg[4], a->arg[1]);
	sys1(__NR_close, twin_fd);
	if (!sys_failed(ret) && (i->head.unproven || i->head.left))
		trapped_expect("a file with code that is not proven");
	return ret;
}

/* Is this a program that reads the code it maps, and executes a translation of it? For that, a jump
 * to a trampoline leads nowhere; what is translated has its calls made by the translator's text. */
static bool translates(void)
{
	const struct image_twin *i = image_at(VALGRIND_BASE);

	return i && i->base == VALGRIND_BASE && i->head.low == VALGRIND_BASE;
}

static long map_file(struct sys_args *a)
{
	bool executable = a->arg[2] & PROT_EXEC;
	struct load_front front;
	bool extent = (a->arg[3] & MAP_TYPE) == MAP_PRIVATE && loaders_extent(a, &front);
	const struct twin_segment *s;
	struct twin_header head;
	long ret;
	int twin_fd;

	if (!executable && !extent) {
		if (a->arg[3] & MAP_FIXED)
			image_touched(a->arg[0], a->arg[1]);
		return SYS_PASS;
	}
	if (translates())
		return executable ? map_unproven(a, "code that is translated") : SYS_PASS;
	if (executable) {
		ret = map_text_within(a);
		if (!sys_failed(ret))
			return ret;
	}
	ret = -ENOEXEC;
	twin_fd = image_twin_open((int)a->arg[4], extent ? &front : NULL, &head);
	if (twin_fd < 0)
		return executable ? map_unproven(a, "a file without a twin") : SYS_PASS;
	s = segment_of(&head, a->arg[5], a->arg[1]);
	if (extent)
		ret = map_extent(a, (int)a->arg[4], twin_fd, &head);
	else if (s && !(a->arg[2] & PROT_WRITE))
		ret = map_text(a, twin_fd, &head, s);
	sys1(__NR_close, twin_fd);
	if (sys_failed(ret))
		return executable ? map_unproven(a, "a file mapped in an unusual way") : SYS_PASS;
	if (executable && (head.unproven || head.left || a->arg[2] & PROT_WRITE))
		trapped_expect("a file with code that is not proven");
	return ret;
}

/* A shared mapping by a descriptor that is open for writing: it may be written to, now or after an
 * mprotect. Made here, since what is known of the address must not come apart from it. */
static long map_shared(struct sys_args *a, struct vfile *vf)
{
	bool writable = a->arg[2] & PROT_WRITE;
	int ret = notes_have(vf);
	long at;

	if (ret)
		return ret;
	if (writable)
		mapped_begin(vf, a->arg[5], a->arg[1]);
	if (a->arg[3] & MAP_FIXED)
		mapped_gone(a->arg[0], PAGE_UP(a->arg[1]));
	at = map(a, (int)a->arg[4], a->arg[1]);
	if (sys_failed(at))
		return at;
	ret = mapped_add((uint64_t)at, PAGE_UP(a->arg[1]), vf, a->arg[5], writable);
	if (!ret)
		return at;
	sys2(__NR_munmap, at, PAGE_UP(a->arg[1]));
	return ret;
}

static long map_cloud(struct sys_args *a, struct vfile *vf, bool writer)
{
	bool shared = (a->arg[3] & MAP_TYPE) != MAP_PRIVATE;
	long ret;

	if (vf->vn->kind == VNODE_DIR)
		return -ENODEV;
	if (shared && !writer && a->arg[2] & PROT_WRITE)
		return -EACCES;
	ret = vfile_ensure(vf, a->arg[5], a->arg[1], WIRE_ENSURE_PIN);
	if (!ret && a->arg[2] & PROT_EXEC)
		ret = trapped_expect("a cloud file with code");
	if (ret)
		return ret;
	if (a->arg[3] & MAP_FIXED)
		image_touched(a->arg[0], a->arg[1]);
	return shared && writer ? map_shared(a, vf) : SYS_PASS;
}

/* The program maps over a range, where trampolines may be that it knows nothing of: it could not go
 * on without them, unless their image goes as well. 0 or -ENOMEM. */
static int map_over(uint64_t start, uint64_t bytes)
{
	uint64_t end = start + PAGE_UP(bytes), from, to;

	if (image_tail(start, end, true, &from, &to))
		return -ENOMEM;
	if (image_tail(start, end, false, &from, &to))
		image_unmap(start, end - start);
	return 0;
}

long sys_mmap(struct sys_args *a)
{
	bool writer;
	struct vfile *vf;
	long ret;

	if (a->arg[3] & MAP_FIXED && map_over(a->arg[0], a->arg[1]))
		return -ENOMEM;
	if (a->arg[3] & MAP_ANONYMOUS) {
		if (a->arg[2] & PROT_EXEC)
			return map_unproven(a, "anonymous executable memory");
		if (a->arg[3] & MAP_FIXED)
			image_touched(a->arg[0], a->arg[1]);
		return SYS_PASS;
	}
	vf = fdtab_get_for((int)a->arg[4], &writer);
	if (!vf && a->arg[5] == IORING_OFF_SQES && uring_any()) {
		ret = uring_map(a);
		if (ret != -ENOSYS)
			return ret;
	}
	if (!vf)
		return map_file(a);
	ret = vf->vn ? map_cloud(a, vf, writer) : -EIO;
	vfile_put(vf);
	return ret;
}

static long unmap(uint64_t start, uint64_t bytes)
{
	struct image_twin *i = NULL;
	long ret;

	while ((i = image_next(i)))
		if (start < i->end && i->from < start + bytes)
			return image_unmap(start, bytes);
	if (!mapped_any(start, bytes))
		return sys2(__NR_munmap, start, bytes);
	ret = sys2(__NR_munmap, start, bytes);
	if (!ret)
		mapped_gone(start, bytes);
	return ret;
}

/* Trampolines in the range stay if their image does: the program knows of nothing there. */
long sys_munmap(struct sys_args *a)
{
	uint64_t start = a->arg[0], end = start + PAGE_UP(a->arg[1]), from, to;
	long ret = 0;

	if (start % PAGE_BYTES || end <= start)
		return SYS_PASS; /* it is wrong */
	while (!ret && start < end && image_tail(start, end, true, &from, &to)) {
		if (from > start)
			ret = unmap(start, from - start);
		start = to;
	}
	return ret || start >= end ? ret : unmap(start, end - start);
}

/* mprotect, pkey_mprotect */
long sys_mprotect(struct sys_args *a)
{
	uint64_t bytes = PAGE_UP(a->arg[1]);

	int ret = 0;

	if (a->arg[2] & PROT_WRITE && bytes && mapped_any(a->arg[0], bytes))
		mapped_protect(a->arg[0], bytes);
	if (a->arg[2] & PROT_WRITE && bytes && image_writable(a->arg[0], bytes))
		ret = trapped_expect("program text made writable");
	if (!ret && a->arg[2] & PROT_EXEC && bytes && !image_proves(a->arg[0], bytes))
		ret = trapped_expect("memory made executable");
	return ret ? ret : SYS_PASS;
}

static long remap_shared(const struct sys_args *a)
{
	uint64_t old_bytes = PAGE_UP(a->arg[1]), bytes = PAGE_UP(a->arg[2]);
	long at;
	int ret = mapped_reach(a->arg[0], bytes);

	if (ret)
		return ret;
	at = sys5(__NR_mremap, a->arg[0], a->arg[1], a->arg[2], a->arg[3], a->arg[4]);
	if (!sys_failed(at))
		mapped_moved(a->arg[0], old_bytes, (uint64_t)at, bytes);
	return at;
}

/* Text that moves gets trampolines at its new place, or stays where it is. */
static long move_text(const struct sys_args *a, const struct image_twin *i)
{
	uint64_t from = a->arg[0], bytes = PAGE_UP(a->arg[1] < a->arg[2] ? a->arg[1] : a->arg[2]);
	bool reverted = i->dirty;
	long at = sys5(__NR_mremap, from, a->arg[1], a->arg[2], a->arg[3], a->arg[4]);

	if (sys_failed(at))
		return at;
	image_touched(from, a->arg[1]);
	if ((uint64_t)at == from)
		return at;
	image_touched((uint64_t)at, PAGE_UP(a->arg[2]));
	if (image_follow(i, from, (uint64_t)at, bytes) || reverted)
		return at;
	sys5(__NR_mremap, at, a->arg[2], a->arg[1], MREMAP_MAYMOVE | MREMAP_FIXED, from);
	return -ENOMEM;
}

long sys_mremap(struct sys_args *a)
{
	const struct image_twin *i = image_at(a->arg[0]);
	int ret;

	if (a->arg[3] & MREMAP_FIXED && map_over(a->arg[4], a->arg[2]))
		return -ENOMEM;
	if (!i) {
		if (a->arg[3] & MREMAP_FIXED)
			image_touched(a->arg[4], PAGE_UP(a->arg[2]));
		if (mapped_any(a->arg[0], a->arg[1] ? PAGE_UP(a->arg[1]) : 1))
			return remap_shared(a);
		return SYS_PASS;
	}
	ret = trapped_expect("program text that moves");
	return ret ? ret : move_text(a, i);
}

long sys_shmat(struct sys_args *a)
{
	int ret = a->arg[2] & K_SHM_EXEC ? trapped_expect("executable shared memory") : 0;

	return ret ? ret : SYS_PASS;
}

long sys_personality(struct sys_args *a)
{
	int ret = (unsigned)a->arg[0] != 0xffffffffu && a->arg[0] & READ_IMPLIES_EXEC
			  ? trapped_expect("memory that is executable when it is readable")
			  : 0;

	return ret ? ret : SYS_PASS;
}

/* %gs is the runtime's; no compiler or C library for Linux uses it. */
long sys_arch_prctl(struct sys_args *a)
{
	uint64_t none = 0;

	if ((int)a->arg[0] == K_ARCH_GET_GS)
		return user_write((void *)a->arg[1], &none, sizeof(none)) ? -EFAULT : 0;
	if ((int)a->arg[0] != K_ARCH_SET_GS)
		return SYS_PASS;
	if (!a->arg[1])
		return 0;
	say("this program needs %gs for itself, which cannot be while it is intercepted: run it "
	    "with SKYSHIM_OFF=1",
	    "");
	return -EPERM;
}
