/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An account with a hierarchical namespace, by "Azure Data Lake Storage Gen2 REST API" (Path -
 * Create, Update, Delete; Filesystem - Get Properties) and what the Blob service's reference says
 * of such accounts. A directory is an object without bytes whose key ends in a slash, which the
 * Blob API names without it, and which no request can name with it.
 */
#ifndef STORE_AZURE_TREE_H
#define STORE_AZURE_TREE_H

#include "tests/store/azure.h"

/* Whether that object stands for a directory. */
bool azure_tree_is_dir(const struct object *o);

/* The directory of that name (without slash), with a reference, or NULL. */
struct object *azure_tree_dir(const char *container, const char *name);

/* Makes the directories on the way to name. NULL, or a code of azure_error.c: one of them is a
 * file, or name is a directory. Others that change names are kept off by azure_lock(). */
const char *azure_tree_admit(struct azure_call *c, const char *name, bool if_absent);

/* Whether a file's name ends within that prefix of a listing. */
bool azure_tree_is_cut(const char *container, const char *prefix);

/* Of a blob's answer: what it is. */
void azure_tree_tell(struct azure_call *c, const struct object *o);

/* The verbs. */
void azure_account_information(struct azure_call *c); /* of any account */
void azure_filesystem_properties(struct azure_call *c);
void azure_path_create(struct azure_call *c);
void azure_path_rename(struct azure_call *c);
void azure_path_properties(struct azure_call *c);
void azure_path_delete(struct azure_call *c);
/* Delete Blob, of a directory. */
void azure_tree_delete_blob(struct azure_call *c);

#endif
