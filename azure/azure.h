/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure Blob Storage: its REST API, in the one version AZURE_VERSION. A bucket is
 * ACCOUNT/CONTAINER, an object a block blob (others are read, and replaced). The table is what the
 * rest of the program uses; the functions below it are this folder's.
 */
#ifndef AZURE_AZURE_H
#define AZURE_AZURE_H

#include "azure/sharedkey.h"
#include "core/backend.h"

#define AZURE_VERSION	      "2021-12-02"
#define AZURE_KEY_BYTES	      1024 /* of a blob's name */
#define AZURE_CONTAINER_BYTES 63
#define AZURE_ACCOUNT_BYTES   64		     /* with NUL; the service's have 24 at most */
#define AZURE_PUT_MAX	      (UINT64_C(5000) << 20) /* bytes of one Put Blob */
#define AZURE_BLOCK_MAX	      (UINT64_C(4000) << 20)
#define AZURE_BLOCKS_MAX      50000	 /* of one blob */
#define AZURE_BATCH_MAX	      256	 /* requests in one */
#define AZURE_APPEND_MAX      (4u << 20) /* of one Append Block, in this version */
#define AZURE_META_BYTES      8192	 /* of metadata, names and values */

extern const struct store_ops azure_ops;

/* account.c: who the environment says we are */
struct azure_account {
	char name[AZURE_ACCOUNT_BYTES];
	char endpoint[STORE_ORIGIN_BYTES]; /* "https://NAME.blob.core.windows.net" */
	char setting[STORE_SETTING_BYTES]; /* as store_site.setting */
	/* id: the name; secret: its key, in base64; token: or else a SAS. A token of Entra ID has
	 * id "". */
	struct creds creds;
};

/* The account of that name. Returns 0, -ENOENT: none can have it, or -EACCES with a line in
 * message: the environment has no key and no SAS for it. All but creds is filled then, unless the
 * environment makes no sense (endpoint ""). Wipe out->creds. */
int azure_account_find(const struct context *ctx, const char *name, struct azure_account *out,
		       char message[STORE_MESSAGE_BYTES]);

/* store_ops.accounts */
int azure_account_list(const struct context *ctx, struct store_list *out,
		       char message[STORE_MESSAGE_BYTES]);

/* connection.c: "NAME=VALUE;..." as the portal gives it. -EINVAL with a line in message. */
int azure_connection_read(const char *text, struct azure_account *out,
			  char message[STORE_MESSAGE_BYTES]);

/* An account's name from its endpoint, and the other way round. -EINVAL: it has none. */
int azure_connection_name(const char *endpoint, char out[AZURE_ACCOUNT_BYTES]);
int azure_connection_endpoint(const char *protocol, const char *name, const char *suffix,
			      char out[STORE_ORIGIN_BYTES]);

/* site.c: where a call goes */
int azure_site_locate(const struct store_call *call, const char *region, struct store_site *out,
		      struct creds *creds_out, char message[STORE_MESSAGE_BYTES]);

/* store_ops.holds */
bool azure_site_holds(const char *key);

/* Begins a request: its method, the version, and the path of bucket and key ("" or NULL: of the
 * container; without a container in bucket: of the account). -EINVAL, -ENAMETOOLONG, -ENOENT: no
 * container can have this name. */
int azure_site_start(const struct store_site *site, const char *method, const char *bucket,
		     const char *key, struct store_request *out);

/* Appends the escaped path alone. */
int azure_site_path(const struct store_site *site, const char *bucket, const char *key,
		    struct buffer *target);

/* blob.c: Get Blob and Get Blob Properties (of an empty key: of the container) */
int azure_blob_build_head(const struct store_call *call, const struct store_site *site,
			  struct store_request *out);
int azure_blob_build_get(const struct store_call *call, const struct store_site *site,
			 struct store_request *out);
int azure_blob_parse_head(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check);
int azure_blob_parse_get(struct store_call *call, const struct store_answer *answer,
			 struct store_check *check);

/* ETag and Last-Modified of any answer. -EBADMSG. */
int azure_blob_attributes(const struct header_list *fields, struct store_object *out);

/* Its MD5, where the service keeps one. */
bool azure_blob_identity(const struct store_answer *answer, const struct store_object *object,
			 char out[STORE_ETAG_BYTES]);

/* meta.c: what is kept with a blob. Adds the fields of call->set_user and, unless only_user, of
 * set_fields. Returns 0, -EINVAL (a name or value that Azure cannot hold), -E2BIG, -ENOMEM. */
int azure_meta_add(const struct store_call *call, bool only_user, struct header_list *fields);

/* The name under which Azure keeps it, with its prefix, and its value: of each of pairs that may be
 * kept; of the errors of azure_meta_add(). */
int azure_meta_each(const struct store_pairs *pairs,
		    int (*each)(void *arg, const char *name, const char *value), void *arg);

/* Fills call->user and call->fields, which are empty. Returns 0 or -ENOMEM. */
int azure_meta_parse(const struct header_list *fields, struct store_call *call);

/* tree.c: accounts with a hierarchical namespace, by the Data Lake Storage REST API */

#define AZURE_TREE_QUESTIONS 2 /* about an account, until it is taken for flat */

/* Is that the name of a directory there, "dir/"? */
bool azure_tree_is_dir(const char *key);

/* Set from an answer about a blob, or key "": call->names, call->is_directory. Returns whether what
 * is there is a directory. */
bool azure_tree_look(struct store_call *call, const struct header_list *fields);

/* Is this what a request about a directory begins with, where nobody knows the account's kind: a
 * question about it? Of fault(): its answer is an error. */
bool azure_tree_asks(const struct store_call *call, const struct store_site *site);

/* Its answer, or 0. -EINPROGRESS: it was one; call->names is set. */
int azure_tree_answered(struct store_call *call, const struct store_answer *answer);

int azure_tree_build_ask(const struct store_call *call, const struct store_site *site,
			 struct store_request *out);
int azure_tree_build_put(const struct store_call *call, const struct store_site *site,
			 struct store_request *out);
int azure_tree_build_remove(const struct store_call *call, const struct store_site *site,
			    struct store_request *out);
int azure_tree_build_rename(const struct store_call *call, const struct store_site *site,
			    struct store_request *out);
int azure_tree_parse_rename(struct store_call *call, const struct store_answer *answer,
			    struct store_check *check);
int azure_tree_build_look(const struct store_call *call, const struct store_site *site,
			  struct store_request *out);
int azure_tree_made(struct store_call *call, const struct store_answer *answer);

/* put.c: Put Blob, and what all writes share */
int azure_put_build(const struct store_call *call, const struct store_site *site,
		    struct store_request *out);
int azure_put_parse(struct store_call *call, const struct store_answer *answer,
		    struct store_check *check);
int azure_put_expect(const struct store_call *call, const struct store_sums *sums,
		     char identity[STORE_ETAG_BYTES]);

/* append.c: Append Block, for a call with append_at; and after a lost answer to it */
int azure_append_build(const struct store_call *call, const struct store_site *site,
		       struct store_request *out);
int azure_append_build_look(const struct store_call *call, const struct store_site *site,
			    struct store_request *out);
int azure_append_made(struct store_call *call, const struct store_answer *answer);

/* Adds If-Match and If-None-Match of a write. -EINVAL: not of the kind that a write knows. */
int azure_put_conditions(const struct store_call *call, struct header_list *fields);

/* The MD5 that the service says it has, as what to check. */
void azure_put_check(const struct header_list *fields, struct store_check *check);

/* store_verb_ops.expect of what has no MD5: -ENOENT. */
int azure_put_unknown(const struct store_call *call, const struct store_sums *sums,
		      char identity[STORE_ETAG_BYTES]);

/* copy.c: Copy Blob; onto itself, Set Blob Metadata */
int azure_copy_build(const struct store_call *call, const struct store_site *site,
		     struct store_request *out);
int azure_copy_parse(struct store_call *call, const struct store_answer *answer,
		     struct store_check *check);
int azure_copy_settled(const struct store_answer *answer);
int azure_copy_build_look(const struct store_call *call, const struct store_site *site,
			  struct store_request *out);
int azure_copy_made(struct store_call *call, const struct store_answer *answer);

/* Is what is copied in the same account? */
bool azure_copy_is_within(const struct store_call *call);

/* Adds the address of what is copied, and the condition on it. */
int azure_copy_add_source(const struct store_call *call, const struct store_site *site,
			  struct header_list *fields);

/* blocks.c: Put Block, Put Block From URL, Get Block List, Put Block List */
int azure_blocks_begin(struct store_call *call);
int azure_blocks_nothing(struct store_call *call);
int azure_blocks_build_part(const struct store_call *call, const struct store_site *site,
			    struct store_request *out);
int azure_blocks_parse_part(struct store_call *call, const struct store_answer *answer,
			    struct store_check *check);
int azure_blocks_build_keep(const struct store_call *call, const struct store_site *site,
			    struct store_request *out);
int azure_blocks_parse_keep(struct store_call *call, const struct store_answer *answer,
			    struct store_check *check);
int azure_blocks_build_commit(const struct store_call *call, const struct store_site *site,
			      struct store_request *out);
int azure_blocks_parse_commit(struct store_call *call, const struct store_answer *answer,
			      struct store_check *check);
int azure_blocks_build_look(const struct store_call *call, const struct store_site *site,
			    struct store_request *out);
int azure_blocks_made(struct store_call *call, const struct store_answer *answer);

/* list.c: List Blobs and List Containers */
int azure_list_build(const struct store_call *call, const struct store_site *site,
		     struct store_request *out);
int azure_list_parse(struct store_call *call, const struct store_answer *answer,
		     struct store_check *check);
int azure_list_build_containers(const struct store_call *call, const struct store_site *site,
				struct store_request *out);
int azure_list_parse_containers(struct store_call *call, const struct store_answer *answer,
				struct store_check *check);

/* remove.c: Delete Blob, one by one and by the hundred */
int azure_remove_build(const struct store_call *call, const struct store_site *site,
		       struct store_request *out);
int azure_remove_parse(struct store_call *call, const struct store_answer *answer,
		       struct store_check *check);
int azure_remove_build_many(const struct store_call *call, const struct store_site *site,
			    struct store_request *out);
int azure_remove_parse_many(struct store_call *call, const struct store_answer *answer,
			    struct store_check *check);

/* batch.c: many deletions in one request */
int azure_batch_begin(const struct store_site *site, const char *bucket, struct store_request *out);
int azure_batch_delete(const struct store_site *site, const struct store_call *call, size_t key,
		       size_t number, struct store_request *out);
int azure_batch_end(struct store_request *out);
bool azure_batch_is(const struct store_request *request);

/* Puts into each of the requests inside the proof of who asks. */
int azure_batch_sign(const struct creds *creds, int64_t now_s, struct store_request *request);

/* What came of deletion number i is in errors_out[i], as batch_error() and a fault have it. */
int azure_batch_read(const struct store_answer *answer, int *errors_out, size_t count);

/* proof.c: how a request proves who asks. Adds to target, or to fields, what that takes. */
int azure_proof_add(const struct creds *creds, const struct sharedkey_subject *subject,
		    int64_t now_s, struct buffer *target, struct header_list *fields);

/* What the service fetches from an address (x-ms-copy-source) must prove itself: adds that. */
int azure_proof_add_source(const struct creds *creds, int64_t now_s, struct store_request *request);

/* fault.c: error answers */
void azure_fault_parse(const struct store_call *call, const struct store_site *site,
		       const struct store_answer *answer, struct store_fault *out);
void azure_fault_request_id(const struct header_list *fields, char out[STORE_ID_BYTES]);

#endif
