/* SPDX-License-Identifier: Apache-2.0 */
/* See metactx.h. Open addressing, half of it free; an id is a digest, and its own hash. */
#include "fs/metactx.h"

#include <string.h>

#include "core/context.h"

#define SLOTS (2 * CONTEXTS_MAX) /* a power of two */

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "a mask");
_Static_assert(CONTEXTS_MAX < UINT16_MAX, "numbers are of two bytes");

static uint8_t ids[CONTEXTS_MAX][WIRE_CTX_BYTES];
static uint16_t slots[SLOTS]; /* number + 1; 0: free */
static unsigned count;

static uint16_t *slot_of(const uint8_t *id)
{
	uint32_t at;

	memcpy(&at, id, sizeof(at));
	while (slots[at % SLOTS] && memcmp(ids[slots[at % SLOTS] - 1], id, WIRE_CTX_BYTES) != 0)
		at++;
	return &slots[at % SLOTS];
}

int metactx_find(const uint8_t id[WIRE_CTX_BYTES])
{
	return *slot_of(id) - 1;
}

int metactx_get(const uint8_t id[WIRE_CTX_BYTES])
{
	uint16_t *slot = slot_of(id);

	if (*slot)
		return *slot - 1;
	if (count == CONTEXTS_MAX)
		return METACTX_NONE;
	memcpy(ids[count], id, WIRE_CTX_BYTES);
	*slot = (uint16_t)++count;
	return *slot - 1;
}

const uint8_t *metactx_id(unsigned number)
{
	return ids[number];
}
