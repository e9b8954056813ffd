/* SPDX-License-Identifier: Apache-2.0 */
/* The part of `skyshim doctor` about interception: what this kernel and container allow. */
#ifndef CORE_CLI_MECHANISMS_H
#define CORE_CLI_MECHANISMS_H

/* Each says what it found. Probes that could hurt run in a child. */
void mechanisms_check(void);

/* Whether twins can be mapped executable from the cache directory. */
void mechanisms_check_cache(const char *cache_dir);

#endif
