// SPDX-License-Identifier: Apache-2.0
/* Units are powers of 1024. */
#include "core/size.h"

#include <stdlib.h>
#include <string.h>

uint64_t size_parse(const char *text)
{
	static const char units[] = "kmgt";
	const char *unit;
	char *end;
	unsigned long long n;

	if (!text || *text < '0' || *text > '9')
		return 0;
	n = strtoull(text, &end, 10);
	unit = *end ? strchr(units, *end | 0x20) : NULL;
	if (unit) {
		n <<= 10 * (unit - units + 1);
		end++;
	}
	return *end && strcmp(end, "iB") != 0 && strcmp(end, "B") != 0 ? 0 : n;
}
