/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a back end says the store contract (core/store.h) in HTTP: a table of pure functions. None
 * does I/O but locate(), which may read configuration and have credentials searched for. The driver
 * (core/driver.c) calls them in this order, on the I/O thread, for each sending:
 *
 *	locate	where does this call go, and with whose credentials?
 *	build	the call as a request: target, header fields, body
 *	sign	adds what proves who asks
 *	parse	a success as a result, or
 *	fault	an error answer as an errno, and what might mend it
 */
#ifndef CORE_BACKEND_H
#define CORE_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/config.h"
#include "core/creds.h"
#include "core/digest.h"
#include "core/http/header.h"
#include "core/http/uri.h"
#include "core/price.h"
#include "core/realm.h"
#include "core/store.h"
#include "core/throttle.h"

#define STORE_BACKENDS_MAX 8
#define STORE_TARGET_BYTES \
	8192 /* of a request: a key of 1,024 bytes is 3,072 escaped, a token more */
#define STORE_BODY_BYTES \
	8388608 /* of a request that build writes: 1,000 keys of 1,024 bytes, escaped */
#define STORE_ORIGIN_BYTES  320
#define STORE_REGION_BYTES  64
#define STORE_SETTING_BYTES 192
#define STORE_ALIAS_BYTES   256

/* How an object is encrypted at rest, by the service. */
struct store_encryption {
	char how[16];			 /* "AES256", "aws:kms", "aws:kms:dsse"; "" for none */
	char kms_key[REALM_VALUE_BYTES]; /* "" for the service's own */
	char bucket_key[8];		 /* "true", "false", "" for as the bucket says */
	bool customer;			 /* with creds.object_key */
	bool from_customer;		 /* what is copied is, with creds.from_key */
};

/* What a service has not, or wants otherwise than the one that the dialect comes from: bits. What
 * the configuration does not decide is learned from answers (core/lacking.c). */
enum store_quirk {
	STORE_QUIRK_CONDITIONS = 1,	 /* a write knows neither If-Match nor If-None-Match */
	STORE_QUIRK_QUOTES = 2,		 /* If-Match of a write wants the ETag's quotes */
	STORE_QUIRK_LIST_V1 = 4,	 /* it lists in the old way only */
	STORE_QUIRK_NO_BATCH_DELETE = 8, /* no STORE_DELETE_MANY */
	STORE_QUIRK_NO_PART_COPY = 16,	 /* no STORE_PART_COPY */
	STORE_QUIRK_SOURCE = 32,	 /* it misjudges from_etag of some objects; never learned */
	/* not known to heed If-Match of a STORE_DELETE; never learned, since one that ignores it
	 * answers as one that it fits */
	STORE_QUIRK_BLIND_DELETE = 64,
};

/* Where a call goes. */
struct store_site {
	struct context *ctx; /* whose environment says how to get there; NULL: the call's */
	char origin[STORE_ORIGIN_BYTES]; /* "https://host" or "https://host:port" */
	char host[STORE_ORIGIN_BYTES];	 /* the Host field: as in origin */
	char base[URI_PATH_BYTES];	 /* path before everything, escaped, "" mostly */
	char beside
		[STORE_ORIGIN_BYTES]; /* as origin: where the service has what store_request.beside
					  * is for; "" for none */
	enum store_names names;	      /* the driver's: as far as is known or configured */
	bool names_settled;	      /* the latter */
	bool bucket_in_host;
	char region[STORE_REGION_BYTES];
	char ca_bundle[CONFIG_VALUE_BYTES];   /* a path from the profile, "" for none */
	char setting[STORE_SETTING_BYTES];    /* for messages: what says that it goes there */
	char credentials[CREDS_SOURCE_BYTES]; /* for messages: creds.source */
	char project[STORE_REGION_BYTES];     /* whose buckets are listed, "" when nobody said */
	char payer[STORE_REGION_BYTES];	      /* the project that bears the cost, "" for none */
	unsigned tries_max;		      /* sendings of one request, 0: as the driver likes */
	bool requester_pays;		      /* the one who asks bears the cost */
	unsigned quirks;		      /* enum store_quirk */
	unsigned settled;		      /* those that no answer changes */
	bool source_seen; /* from_etag was just looked at, and is left out of the request */
	char client_cert[REALM_VALUE_BYTES]; /* paths of PEM files, "" for none */
	char client_key[REALM_VALUE_BYTES];
	bool http2;			    /* http_route.http2 */
	char from_alias[STORE_ALIAS_BYTES]; /* of the bucket that is copied from, "" for none */
	struct store_encryption encryption;
	struct price price; /* the driver's, as the next */
	struct throttle_limits limits;
};

/* The digests of a call's source. */
struct store_sums {
	bool has_md5;
	uint8_t md5[DIGEST_MD5_BYTES];
	bool has_crc32c;
	uint8_t crc32c[DIGEST_CRC_BYTES];
	char sha256[DIGEST_HEX_BYTES]; /* in hex; "" when nobody wants it */
};

/* A request but for its origin. */
struct store_request {
	const char *method;	   /* as http_exchange.method */
	struct buffer target;	   /* path and query as on the wire; starts with '/' */
	struct header_list fields; /* without Host, Content-Length, Expect */
	bool streams;		   /* the call's source goes between body and tail */
	bool beside;		   /* it goes to store_site.beside */
	struct buffer body, tail;
	const struct store_sums *sums; /* of the source; set before build, with streams */
	uint64_t source_bytes;	       /* the same */
};

/* How to check that the body of a whole object is right: one that came, or the source that went. */
struct store_check {
	enum digest_kind kind; /* DIGEST_NONE: by its length only */
	bool hex;	       /* text is hex, otherwise base64 */
	char text[DIGEST_HEX_BYTES];
};

struct store_answer {
	int status;
	const struct header_list *fields;
	const char *body; /* "" of a HEAD, and for the success of a STORE_GET */
	size_t body_bytes;
};

/* What might mend an error. */
enum store_cure {
	STORE_CURE_NONE,
	STORE_CURE_WAIT,   /* trying again later */
	STORE_CURE_REGION, /* asking for the region in store_fault.region */
	STORE_CURE_CLOCK,  /* signing with the server's time, its Date */
	STORE_CURE_RESEND, /* what came there is not what the digest says: both anew */
	STORE_CURE_RENEW   /* another credential: this one has expired */
};

struct store_fault {
	int error;   /* negative errno */
	bool done;   /* no error after all: what was asked for is so already */
	bool passes; /* it was a question that the call can do without, if it is not answered: a
		      * status of 4xx or 501 is as -EINPROGRESS of parse */
	enum store_names names; /* what it tells of the store, as a result of parse does */
	enum store_cure cure;
	unsigned quirk; /* what of the service may be the reason: 0 or one enum store_quirk */
	char region[STORE_REGION_BYTES];
	char code[STORE_CODE_BYTES]; /* the service's own word, "" for none */
	char detail[256];	     /* the service's sentence, or ours; "" for none */
	char request_id[STORE_ID_BYTES];
};

struct store_verb_ops {
	/* Returns 0, -EINVAL or -ENAMETOOLONG (a name the store cannot hold), -ENOENT (no bucket
	 * can have this name), -EOPNOTSUPP, -EFBIG, -E2BIG, -ENOMEM. */
	int (*build)(const struct store_call *call, const struct store_site *site,
		     struct store_request *out);
	/* A status of 2xx. Fills the call's results; of STORE_GET all of call->object but the size,
	 * which the driver reads from the length fields. *check is zeroed. Returns 0, -ENOMEM, or
	 * -EBADMSG: not an answer that this service would give, -EREMOTEIO: the body is an error in
	 * spite of the status, and fault() understands it, or another errno to end the call with:
	 * what is there is no object (-ENOENT), no longer the version asked for (-ESTALE), the one
	 * that is known (-EALREADY), or of no use for this (-EOPNOTSUPP).
	 *
	 * -EINPROGRESS: that was one request of several. The next is built with call->step one
	 * higher and with what parse left in call->carry_out as call->carry. With call->is_made set
	 * the call has succeeded, with the object that it has now: what is to come only tidies up,
	 * and failing at that is logged, no more.
	 *
	 * -EAGAIN: the same, but the next asks again for what the service was too busy for, and so
	 * waits; the call fails with -EIO when RETRY_TRIES_MAX (core/http/retry.h) were so. */
	int (*parse)(struct store_call *call, const struct store_answer *answer,
		     struct store_check *check);
	/* Instead of build and parse, when the service need not be asked: fills the call's results.
	 * Returns 0 or a negative errno. */
	int (*local)(struct store_call *call);
	/* A success may be a beginning only (NULL: never). Of its answer, then of one to a HEAD now
	 * and again: 0, it is finished, and these are the results; -EINPROGRESS; or an errno: it
	 * has failed. */
	int (*settled)(const struct store_answer *answer);
	/* What identity() will say of the object that this call makes; NULL for a verb that makes
	 * none. Returns 0, or -ENOENT: that cannot be told. */
	int (*expect)(const struct store_call *call, const struct store_sums *sums,
		      char identity[STORE_ETAG_BYTES]);
	/* Where expect() cannot tell: asks for what shows beyond doubt whether this call has made
	 * what is there, and reads it: 0, it has, and these are the results (settled() is asked of
	 * the same answer), -ESTALE, it has not, -ENOENT, that does not show it after all, or as
	 * parse. NULL: nothing does. */
	int (*look)(const struct store_call *call, const struct store_site *site,
		    struct store_request *out);
	int (*made)(struct store_call *call, const struct store_answer *answer);
	bool streams; /* the request's body is the call's source */
	bool signs;   /* ... and its SHA-256, in the signature, is digest enough; otherwise its MD5
		       * goes along in any case */
	bool works;   /* http_exchange.works */
};

struct store_ops {
	const char *scheme;
	bool has_accounts; /* a bucket is ACCOUNT/CONTAINER */
	bool has_trees; /* some of its stores are STORE_NAMES_TREE; parse sets call->names where an
			    * answer tells. Of others all are STORE_NAMES_FLAT */
	bool copies_whole; /* one STORE_COPY does, whatever the size */
	bool keeps_whole;  /* a STORE_PART_COPY takes a whole object, and parts have any size */
	bool signs_bodies; /* sign() wants the SHA-256 of a body that goes over plain http */
	bool sums_crc32c;  /* CRC32C is the digest that goes along with a source, not MD5 */
	bool looks_first;  /* a GET knows no if_none_match: a HEAD finds out before */
	size_t append_max; /* bytes that are appended to an object of a kind for that; 0: none is */
	size_t meta_bytes; /* of user metadata that are kept, names and values */
	/* Do its listings of this bucket begin behind any name (store_call.after), and are they in
	 * order of the names' bytes? NULL: none does. */
	bool (*begins)(const char *bucket);
	/* Can the store have an object of that name? NULL: all that are short enough. */
	bool (*holds)(const char *key);
	struct store_verb_ops verb[STORE_VERBS];
	/* region: what an earlier answer taught about this bucket, or NULL. Returns 0, or -EACCES
	 * (no usable credentials), -ENOENT (no account can have this name), -EIO (no usable
	 * endpoint), -ENOMEM with a line in message, or -EINPROGRESS: it is to be called again when
	 * keeper_wait(creds_out->entry) says so. *out is filled but for credentials then, and with
	 * -EACCES as far as that goes. creds_out is wiped by the driver. */
	int (*locate)(const struct store_call *call, const char *region, struct store_site *out,
		      struct creds *creds_out, char message[STORE_MESSAGE_BYTES]);
	/* now_s: the time that the server believes in. Not called for anonymous credentials. */
	int (*sign)(const struct store_site *site, const struct creds *creds, int64_t now_s,
		    struct store_request *request);
	/* Any other status. *out is zeroed. */
	void (*fault)(const struct store_call *call, const struct store_site *site,
		      const struct store_answer *answer, struct store_fault *out);
	/* Of an answer to a HEAD: what tells the object's bytes from others. Returns whether
	 * another than expect() foretold proves that it is another object. */
	bool (*identity)(const struct store_answer *answer, const struct store_object *object,
			 char out[STORE_ETAG_BYTES]);
	/* has_accounts: the names of those that this context has credentials for, appended as
	 * entries. Any thread. Returns 0, -ENOMEM, or -EACCES with a line in message. */
	int (*accounts)(const struct context *ctx, struct store_list *out,
			char message[STORE_MESSAGE_BYTES]);
	/* The service's request id of an answer, "" for none. */
	void (*request_id)(const struct header_list *fields, char out[STORE_ID_BYTES]);
};

/* Makes a scheme known. Before the first call of it. Returns 0, -EEXIST (another has this scheme)
 * or -ENOSPC. The same table twice is fine. */
int store_register(const struct store_ops *ops);

#endif
