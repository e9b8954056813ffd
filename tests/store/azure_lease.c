/* SPDX-License-Identifier: Apache-2.0 */
/* Leases of blobs: "Lease Blob", its tables of what each action does in each state. */
#include "tests/store/azure.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "tests/store/azure_beside.h"

#define SHORTEST_S 15
#define LONGEST_S  60
#define FOR_EVER   (-1)
#define MS	   1000

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * MS + now.tv_nsec / 1000000;
}

const char *azure_lease_state(const struct azure_beside *b)
{
	const struct azure_lease_of *l = b ? &b->lease : NULL;

	if (!l || !l->id[0])
		return "available";
	if (l->breaks_ms)
		return now_ms() < l->breaks_ms ? "breaking" : "broken";
	return l->duration_s == FOR_EVER || now_ms() < l->ends_ms ? "leased" : "expired";
}

static bool holds(const char *state)
{
	return !strcmp(state, "leased") || !strcmp(state, "breaking");
}

const char *azure_lease_refuses(const struct azure_beside *b, const char *id)
{
	const char *state = azure_lease_state(b);

	if (holds(state))
		return !id			     ? "LeaseIdMissing"
		       : strcasecmp(id, b->lease.id) ? "LeaseIdMismatchWithBlobOperation"
						     : NULL;
	if (!id)
		return NULL;
	return strcmp(state, "available") ? "LeaseLost" : "LeaseNotPresentWithBlobOperation";
}

static bool is_guid(const char *text)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return !text[36];
}

static void make_guid(char out[AZURE_LEASE_ID_BYTES])
{
	snprintf(out, AZURE_LEASE_ID_BYTES, "%08x-%04x-4%03x-a%03x-%08x%04x", arc4random(),
		 arc4random() & 0xffff, arc4random() & 0xfff, arc4random() & 0xfff, arc4random(),
		 arc4random() & 0xffff);
}

static const char *acquire(struct azure_call *c, struct azure_lease_of *l, const char *state)
{
	const char *wanted = azure_header(c, "x-ms-proposed-lease-id");
	const char *text = azure_header(c, "x-ms-lease-duration");
	int duration = text ? atoi(text) : 0;

	if (duration != FOR_EVER && (duration < SHORTEST_S || duration > LONGEST_S))
		return "InvalidHeaderValue";
	if (wanted && !is_guid(wanted))
		return "InvalidHeaderValue";
	if (!strcmp(state, "breaking") ||
	    (!strcmp(state, "leased") && (!wanted || strcasecmp(wanted, l->id) != 0)))
		return "LeaseAlreadyPresent";
	*l = (struct azure_lease_of){.duration_s = duration,
				     .ends_ms = now_ms() + (int64_t)duration * MS};
	if (wanted)
		snprintf(l->id, sizeof(l->id), "%s", wanted);
	else
		make_guid(l->id);
	c->reply->status = 201;
	reply_header(c->reply, "x-ms-lease-id", l->id);
	return NULL;
}

/* The id that the other actions must show. */
static const char *check_id(struct azure_call *c, const struct azure_lease_of *l)
{
	const char *id = azure_header(c, "x-ms-lease-id");

	if (!id)
		return "MissingRequiredHeader";
	if (!l->id[0])
		return "LeaseNotPresentWithLeaseOperation";
	return strcasecmp(id, l->id) ? "LeaseIdMismatchWithLeaseOperation" : NULL;
}

static const char *renew(struct azure_call *c, struct azure_lease_of *l, const char *state)
{
	const char *code = check_id(c, l);

	if (code)
		return code;
	if (!strcmp(state, "breaking") || !strcmp(state, "broken"))
		return "LeaseIdMismatchWithLeaseOperation";
	l->ends_ms = now_ms() + (int64_t)l->duration_s * MS;
	c->reply->status = 200;
	reply_header(c->reply, "x-ms-lease-id", l->id);
	return NULL;
}

static const char *change_id(struct azure_call *c, struct azure_lease_of *l)
{
	const char *wanted = azure_header(c, "x-ms-proposed-lease-id");
	const char *code = l->id[0] && wanted && !strcasecmp(wanted, l->id) ? NULL : check_id(c, l);

	if (!code && (!wanted || !is_guid(wanted)))
		code = "InvalidHeaderValue";
	if (code)
		return code;
	snprintf(l->id, sizeof(l->id), "%s", wanted);
	c->reply->status = 200;
	reply_header(c->reply, "x-ms-lease-id", l->id);
	return NULL;
}

static const char *release(struct azure_call *c, struct azure_lease_of *l)
{
	const char *code = check_id(c, l);

	if (code)
		return code;
	*l = (struct azure_lease_of){0};
	c->reply->status = 200;
	return NULL;
}

static const char *break_it(struct azure_call *c, struct azure_lease_of *l, const char *state)
{
	const char *text = azure_header(c, "x-ms-lease-break-period");
	int64_t left_ms = l->duration_s == FOR_EVER ? 0 : l->ends_ms - now_ms();

	if (!l->id[0])
		return "LeaseNotPresentWithLeaseOperation";
	if (text && (l->duration_s == FOR_EVER || atoi(text) * (int64_t)MS < left_ms))
		left_ms = atoi(text) * (int64_t)MS;
	if (!strcmp(state, "leased"))
		l->breaks_ms = now_ms() + (left_ms > 0 ? left_ms : 0);
	else if (!strcmp(state, "expired"))
		l->breaks_ms = now_ms();
	left_ms = l->breaks_ms - now_ms();
	c->reply->status = 202;
	reply_header_printf(c->reply, "x-ms-lease-time", "%lld",
			    (long long)(left_ms > 0 ? (left_ms + MS - 1) / MS : 0));
	return NULL;
}

static const char *act(struct azure_call *c, struct azure_beside *b)
{
	const char *action = azure_header(c, "x-ms-lease-action");
	const char *state = azure_lease_state(b);

	if (!action)
		return "MissingRequiredHeader";
	if (!strcasecmp(action, "acquire"))
		return acquire(c, &b->lease, state);
	if (!strcasecmp(action, "renew"))
		return renew(c, &b->lease, state);
	if (!strcasecmp(action, "change"))
		return change_id(c, &b->lease);
	if (!strcasecmp(action, "release"))
		return release(c, &b->lease);
	if (!strcasecmp(action, "break"))
		return break_it(c, &b->lease, state);
	return "InvalidHeaderValue";
}

void azure_lease(struct azure_call *c)
{
	struct object_condition condition;
	struct azure_beside *b;
	struct object *o;
	const char *code;
	int err;

	if (!azure_condition(c, &condition))
		return;
	azure_lock();
	err = objects_get(c->container, c->blob, strlen(c->blob), &o);
	if (err) {
		azure_fail_errno(c, err);
		azure_unlock();
		return;
	}
	err = object_check(o, &condition);
	b = azure_beside(c->container, c->blob, true);
	code = err ? "ConditionNotMet" : b ? act(c, b) : "InternalError";
	if (code)
		azure_fail(c, code);
	else
		azure_version(c, o);
	azure_unlock();
	object_put(o);
}
