/* SPDX-License-Identifier: Apache-2.0 */
/* See twin_write.h. */
#include "intercept/rewrite/twin_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTE_INT3	0xcc
#define ALIGN_UP(n, to) (((n) + (to)-1) / (to) * (to))
#define NOTE_BUILD_ID	3u
#define FIRST_ROOM	(64u << 10)
#define FIRST_SITES	64u

void twin_out_free(struct twin_out *t)
{
	free(t->trampolines);
	free(t->sites);
}

static int grow(struct twin_out *t)
{
	uint32_t room = t->room ? t->room * 2 : FIRST_ROOM;
	uint8_t *trampolines;
	struct twin_site *sites;

	if (t->room - t->code_bytes < TRAMPOLINE_MAX + TRAMPOLINE_ALIGN) {
		trampolines = realloc(t->trampolines, room);
		if (!trampolines)
			return -ENOMEM;
		t->trampolines = trampolines;
		t->room = room;
	}
	if (t->site_count == t->site_room) {
		room = t->site_room ? t->site_room * 2 : FIRST_SITES;
		sites = realloc(t->sites, room * sizeof(*sites));
		if (!sites)
			return -ENOMEM;
		t->sites = sites;
		t->site_room = room;
	}
	return 0;
}

int twin_out_add(struct twin_out *t, const struct trampoline *tramp)
{
	uint32_t bytes = tramp->site.tramp_bytes, whole = ALIGN_UP(bytes, TRAMPOLINE_ALIGN);
	int rc = grow(t);

	if (rc)
		return rc;
	memcpy(t->trampolines + t->code_bytes, tramp->bytes, bytes);
	memset(t->trampolines + t->code_bytes + bytes, BYTE_INT3, whole - bytes);
	t->code_bytes += whole;
	t->sites[t->site_count++] = tramp->site;
	return 0;
}

static void find_build_id(const struct image *image, struct twin_header *head)
{
	for (unsigned i = 0; i < image->elf.phdr_count; i++) {
		const Elf64_Phdr *p = &image->elf.phdr[i];
		const uint8_t *note;
		uint64_t at = 0;

		if (p->p_type != PT_NOTE || !image_has(image, p->p_offset, p->p_filesz))
			continue;
		note = image->file + p->p_offset;
		while (at + sizeof(Elf64_Nhdr) <= p->p_filesz) {
			Elf64_Nhdr n;
			uint64_t id, next;

			memcpy(&n, note + at, sizeof(n));
			id = at + sizeof(n) + ALIGN_UP((uint64_t)n.n_namesz, 4);
			next = id + ALIGN_UP((uint64_t)n.n_descsz, 4);
			if (next > p->p_filesz)
				break;
			if (n.n_type == NOTE_BUILD_ID && n.n_namesz == 4 &&
			    !memcmp(note + at + sizeof(n), "GNU", 4) &&
			    n.n_descsz <= TWIN_BUILD_ID_MAX) {
				head->build_id_bytes = n.n_descsz;
				head->build_id_offset = p->p_offset + id;
				memcpy(head->build_id, note + id, n.n_descsz);
				return;
			}
			at = next;
		}
	}
}

static void fill_head(const struct twin_out *t, const struct image *image, struct twin_header *head)
{
	uint64_t at = TWIN_TAIL(image->size) + sizeof(*head);

	head->magic = TWIN_MAGIC;
	head->version = TWIN_VERSION;
	head->key = image->key;
	head->low = image->elf.low;
	head->high = head->code_vaddr = image->elf.high;
	head->first_offset = UINT64_MAX;
	for (unsigned i = 0; i < image->elf.phdr_count; i++) {
		const Elf64_Phdr *p = &image->elf.phdr[i];

		if (p->p_type == PT_LOAD && (p->p_vaddr & ~(uint64_t)(TWIN_PAGE - 1)) == head->low)
			head->first_offset = p->p_offset & ~(uint64_t)(TWIN_PAGE - 1);
	}
	head->code_offset = head->sites_offset = ALIGN_UP(at, TWIN_PAGE);
	head->site_count = t->site_count;
	if (t->site_count) {
		head->sites_offset += ALIGN_UP((uint64_t)t->code_bytes + TWIN_HUB_BYTES, 8);
		at = head->sites_offset + t->site_count * sizeof(struct twin_site);
		head->code_bytes = ALIGN_UP(at, TWIN_PAGE) - head->code_offset;
	}
	head->twin_bytes = head->code_offset + head->code_bytes;
	for (unsigned i = 0; i < image->span_count; i++)
		head->segment[head->segment_count++] = (struct twin_segment){
			.offset = image->span[i].offset,
			.vaddr = image->span[i].vaddr,
			.bytes = ALIGN_UP((uint64_t)image->span[i].bytes, TWIN_PAGE),
		};
	find_build_id(image, head);
	head->checksum = 0;
	head->checksum = twin_checksum(head, sizeof(*head));
}

static int write_at(int fd, const void *data, uint64_t bytes, uint64_t offset)
{
	const uint8_t *at = data;

	while (bytes) {
		ssize_t put = pwrite(fd, at, bytes, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put ? -errno : -EIO;
		at += put;
		offset += (uint64_t)put;
		bytes -= (uint64_t)put;
	}
	return 0;
}

static int write_all(const struct twin_out *t, const struct image *image,
		     const struct twin_header *head, int out_fd)
{
	static const uint8_t filler[TWIN_HUB_BYTES + 8] = {[0 ... TWIN_HUB_BYTES + 7] = BYTE_INT3};
	uint64_t end = head->code_offset + t->code_bytes;
	int rc;

	/* Without sites the original itself is mapped: a hole will do. */
	rc = t->site_count ? write_at(out_fd, image->file, image->size, 0) : 0;
	if (rc)
		return rc;
	rc = write_at(out_fd, head, sizeof(*head), TWIN_TAIL(image->size));
	if (rc)
		return rc;
	if (!t->site_count)
		return ftruncate(out_fd, (off_t)head->twin_bytes) ? -errno : 0;
	rc = write_at(out_fd, t->trampolines, t->code_bytes, head->code_offset);
	if (rc)
		return rc;
	rc = write_at(out_fd, filler, head->sites_offset - end, end);
	if (rc)
		return rc;
	rc = write_at(out_fd, t->sites, t->site_count * sizeof(*t->sites), head->sites_offset);
	if (rc)
		return rc;
	return ftruncate(out_fd, (off_t)head->twin_bytes) ? -errno : 0;
}

int twin_out_end(struct twin_out *t, const struct image *image, struct twin_header *head,
		 int out_fd)
{
	fill_head(t, image, head);
	return write_all(t, image, head, out_fd);
}
