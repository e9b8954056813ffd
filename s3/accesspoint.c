// SPDX-License-Identifier: Apache-2.0
/*
 * Access points: Amazon S3 User Guide, "Using Amazon S3 access points". The ARN
 * arn:PARTITION:s3:REGION:ACCOUNT:accesspoint/NAME (or ...:accesspoint:NAME) says where requests
 * go; botocore's rule set for S3 says how the host is made. An alias of one is an ordinary bucket.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "s3/endpoint.h"
#include "s3/s3.h"

#define FIELDS 6 /* of an ARN, between colons */

bool s3_accesspoint_is_arn(const char *bucket)
{
	return !strncmp(bucket, "arn:", 4);
}

/* Copies one label of a host name. */
static bool take_label(const char *text, size_t len, char *out, size_t out_bytes)
{
	if (!len || len >= out_bytes || text[0] == '-')
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return out[strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

int s3_accesspoint_parse(const char *arn, struct s3_accesspoint *out)
{
	static const char kind[] = "accesspoint";
	const char *field[FIELDS];
	size_t len[FIELDS];
	const char *at = arn;

	for (int i = 0; i < FIELDS; i++) {
		field[i] = at;
		len[i] = i < FIELDS - 1 ? strcspn(at, ":") : strlen(at);
		at += len[i];
		if (i < FIELDS - 1 && *at++ != ':')
			return -EINVAL;
	}
	if (len[0] != 3 || memcmp(field[0], "arn", 3) != 0 || len[2] != 2 ||
	    memcmp(field[2], "s3", 2) != 0 || strncmp(field[5], kind, sizeof(kind) - 1) != 0)
		return -EINVAL;
	at = field[5] + sizeof(kind) - 1;
	if ((*at != '/' && *at != ':') ||
	    !take_label(field[3], len[3], out->region, sizeof(out->region)) ||
	    !take_label(field[4], len[4], out->account, sizeof(out->account)) ||
	    !take_label(at + 1, strlen(at + 1), out->name, sizeof(out->name)))
		return -EINVAL;
	return 0;
}

void s3_accesspoint_host(const struct s3_accesspoint *point, bool fips, bool dualstack,
			 char out[STORE_ORIGIN_BYTES])
{
	snprintf(out, STORE_ORIGIN_BYTES, "%s-%s.s3-accesspoint%s%s.%s.%s", point->name,
		 point->account, fips ? "-fips" : "", dualstack ? ".dualstack" : "", point->region,
		 aws_domain(point->region));
}
