/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc/self/exe shall say: the program's own file, not the runtime's. */
#ifndef INTERCEPT_EXENAME_H
#define INTERCEPT_EXENAME_H

#include <stdint.h>

/* The program is loaded from fd, still open, and is to be entered at entry. */
void exename_init(int fd, uint64_t entry);

/* Its absolute name, or the path it was executed by when that means another file by now. Never
 * NULL; lives for ever. While a call is answered, and at start. */
const char *exename(void);

#endif
