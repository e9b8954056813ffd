/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#ifndef STORE_OPTIONS_H
#define STORE_OPTIONS_H

/* Fills the settings, makes the buckets, imports and generates what was asked for. Returns 0; 1
 * after
 * --help or --version; -1 on a bad option, and stderr says which and why. */
int options_parse(int argc, char **argv);

#endif
