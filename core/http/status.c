// SPDX-License-Identifier: Apache-2.0
/* Statuses: RFC 9110 section 15, RFC 6585 (429), and what object stores use them for. */
#include "core/http/status.h"

#include <errno.h>
#include <stddef.h>

static const struct {
	int status;
	struct status_meaning meaning;
} table[] = {
	{200, {0, false, "OK"}},
	{206, {0, false, "partial content"}},
	{304, {-EALREADY, false, "not modified"}},
	{400, {-EIO, false, "bad request"}},
	{401, {-EACCES, false, "not authenticated"}},
	{403, {-EACCES, false, "access denied"}},
	{404, {-ENOENT, false, "not found"}},
	{405, {-EIO, false, "method not allowed"}},
	{407, {-EIO, false, "the proxy wants credentials"}},
	{408, {-EIO, true, "request timed out"}},
	{409, {-EIO, true, "conflict"}},
	{410, {-ENOENT, false, "gone"}},
	{412, {-ESTALE, false, "changed meanwhile"}},
	{413, {-EFBIG, false, "too large"}},
	{416,
	 {0, false, "range not satisfiable"}}, /* beyond the end: no bytes, which is no error */
	{429, {-EIO, true, "too many requests"}},
	{500, {-EIO, true, "internal error of the server"}},
	{501, {-EIO, false, "not implemented by the server"}},
	{502, {-EIO, true, "bad gateway"}},
	{503, {-EIO, true, "server busy"}},
	{504, {-EIO, true, "gateway timed out"}},
	{509, {-EIO, true, "bandwidth limit exceeded"}}, /* some S3 dialects throttle with it */
};

struct status_meaning status_meaning(int status)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].status == status)
			return table[i].meaning;
	}
	if (status >= 200 && status < 300)
		return (struct status_meaning){0, false, "success"};
	if (status >= 300 && status < 400)
		return (struct status_meaning){-EIO, false, "redirected elsewhere"};
	if (status >= 500 && status < 600)
		return (struct status_meaning){-EIO, true, "error of the server"};
	return (struct status_meaning){-EIO, false, "unexpected answer"};
}
