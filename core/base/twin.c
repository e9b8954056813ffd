/* SPDX-License-Identifier: Apache-2.0 */
/* See twin.h. Pure. */
#include "core/base/twin.h"

#include <string.h>

static char *hex(char *out, uint64_t value)
{
	static const char digits[] = "0123456789abcdef";
	int shift = 60;

	while (shift && !(value >> shift & 15))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*out++ = digits[value >> shift & 15];
	return out;
}

size_t twin_name(const struct twin_key *key, char *out)
{
	const uint64_t parts[] = {
		TWIN_VERSION,		key->dev, key->ino, key->size, (uint64_t)key->mtime_ns,
		(uint64_t)key->ctime_ns};
	char *at = out;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (i)
			*at++ = '-';
		at = hex(at, parts[i]);
	}
	*at = '\0';
	return (size_t)(at - out);
}

uint32_t twin_checksum(const void *data, size_t bytes)
{
	const uint8_t *at = data;
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < bytes; i++)
		sum = (sum ^ at[i]) * 16777619u;
	return sum;
}

/* [offset, offset + bytes) lies in [0, end) */
static bool within(uint64_t offset, uint64_t bytes, uint64_t end)
{
	return offset <= end && bytes <= end - offset;
}

bool twin_valid(const struct twin_header *head, const struct twin_key *key, uint64_t twin_bytes)
{
	struct twin_header copy;
	uint64_t tail = TWIN_TAIL(key->size);

	if (head->magic != TWIN_MAGIC || head->version != TWIN_VERSION ||
	    memcmp(&head->key, key, sizeof(*key)) != 0 || head->twin_bytes != twin_bytes)
		return false;
	memcpy(&copy, head, sizeof(copy));
	copy.checksum = 0;
	if (twin_checksum(&copy, sizeof(copy)) != head->checksum)
		return false;
	if (head->low >= head->high || (head->low | head->high) % TWIN_PAGE ||
	    head->high - head->low > UINT32_MAX || head->segment_count > TWIN_SEGMENTS_MAX)
		return false;
	if (head->code_offset % TWIN_PAGE || head->code_bytes % TWIN_PAGE ||
	    head->code_vaddr != head->high || head->code_offset < tail ||
	    head->sites_offset < head->code_offset || head->sites_offset % 8 ||
	    head->build_id_bytes > TWIN_BUILD_ID_MAX ||
	    !within(head->build_id_offset, head->build_id_bytes, key->size) ||
	    !within(head->code_offset, head->code_bytes, twin_bytes) ||
	    !within(head->sites_offset - head->code_offset,
		    head->site_count * sizeof(struct twin_site), head->code_bytes))
		return false;
	for (uint32_t i = 0; i < head->segment_count; i++) {
		const struct twin_segment *s = &head->segment[i];

		if ((s->offset | s->vaddr | s->bytes) % TWIN_PAGE || s->vaddr < head->low ||
		    !within(s->vaddr - head->low, s->bytes, head->high - head->low) ||
		    !within(s->offset, s->bytes, tail))
			return false;
	}
	return true;
}

const struct twin_site *twin_site_at(const struct twin_site *sites, uint32_t count, uint64_t offset)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (sites[mid].start <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || offset - sites[low - 1].start >= sites[low - 1].bytes)
		return NULL;
	return &sites[low - 1];
}

const struct twin_site *twin_tramp_at(const struct twin_site *sites, uint32_t count,
				      uint64_t offset)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (sites[mid].tramp <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || offset - sites[low - 1].tramp >= sites[low - 1].tramp_bytes)
		return NULL;
	return &sites[low - 1];
}

/* The table of sites has no checksum. */
static unsigned steps_of(const struct twin_site *site)
{
	return site->step_count < TWIN_STEPS_MAX ? site->step_count : TWIN_STEPS_MAX;
}

uint64_t twin_to_program(const struct twin_site *site, uint64_t tramp_offset)
{
	uint64_t at = tramp_offset - site->tramp;
	unsigned i = steps_of(site);

	if (at >= site->slow || !i)
		return site->start + site->syscall;
	while (i > 1 && site->step[i - 1].tramp > at)
		i--;
	return site->start + site->step[i - 1].orig;
}

uint64_t twin_to_tramp(const struct twin_site *site, uint64_t offset)
{
	uint64_t at = offset - site->start;

	for (unsigned i = 0; i < steps_of(site); i++)
		if (site->step[i].orig == at)
			return site->tramp + site->step[i].tramp;
	return UINT64_MAX;
}
