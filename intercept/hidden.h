/* SPDX-License-Identifier: Apache-2.0 */
/* Included by the compiler in front of each file of the runtime: nothing is defined elsewhere, so
 * no name needs a table of addresses, which would have to be relocated. */
#ifndef INTERCEPT_HIDDEN_H
#define INTERCEPT_HIDDEN_H

#ifndef __ASSEMBLER__
#pragma GCC visibility push(hidden)
#endif

#endif
