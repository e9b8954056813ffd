/* SPDX-License-Identifier: Apache-2.0 */
/* Are there numbers for more descriptors? Below the limit (RLIMIT_NOFILE) some may be taken
 * anywhere, so that only having them tells. */
#ifndef INTERCEPT_FDROOM_H
#define INTERCEPT_FDROOM_H

/* How many this thread could have just now, up to wanted, which is FDROOM_MAX at most; 0 also where
 * the system has none (ENFILE). Other threads may take them. */
#define FDROOM_MAX 4u
unsigned fdroom_free(unsigned wanted);

#endif
