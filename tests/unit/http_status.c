// SPDX-License-Identifier: Apache-2.0
#include "core/http/status.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(http_status, the_contracts_errors)
{
	cr_assert_eq(status_meaning(200).error, 0);
	cr_assert_eq(status_meaning(206).error, 0);
	cr_assert_eq(status_meaning(304).error, -EALREADY);
	cr_assert_eq(status_meaning(401).error, -EACCES);
	cr_assert_eq(status_meaning(403).error, -EACCES);
	cr_assert_eq(status_meaning(404).error, -ENOENT);
	cr_assert_eq(status_meaning(412).error, -ESTALE);
	cr_assert_eq(status_meaning(416).error, 0);
	cr_assert_eq(status_meaning(503).error, -EIO);
}

Test(http_status, what_may_pass_by_itself)
{
	static const int passing[] = {408, 429, 500, 502, 503, 504, 599};
	static const int lasting[] = {301, 304, 400, 401, 403, 404, 405, 412, 501};

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		cr_assert(status_meaning(passing[i]).retry, "%d", passing[i]);
	for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
		cr_assert_not(status_meaning(lasting[i]).retry, "%d", lasting[i]);
}

Test(http_status, every_number_means_something)
{
	for (int status = -1; status < 1100; status++) {
		struct status_meaning meaning = status_meaning(status);

		cr_assert_not_null(meaning.words);
		cr_assert(meaning.error <= 0);
		cr_assert(meaning.error || (status >= 200 && status < 300) || status == 416);
	}
}
