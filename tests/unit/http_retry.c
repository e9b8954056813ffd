// SPDX-License-Identifier: Apache-2.0
#include "core/http/retry.h"

#include <criterion/criterion.h>

#include "core/http/date.h"

Test(http_retry, delay_doubles_up_to_the_cap)
{
	cr_assert_eq(retry_delay_ms(1, UINT32_MAX, 50, 5000), 50);
	cr_assert_eq(retry_delay_ms(2, UINT32_MAX, 50, 5000), 100);
	cr_assert_eq(retry_delay_ms(7, UINT32_MAX, 50, 5000), 3200);
	cr_assert_eq(retry_delay_ms(8, UINT32_MAX, 50, 5000), 5000);
	cr_assert_eq(retry_delay_ms(4000000000u, UINT32_MAX, 50, 5000), 5000);
}

Test(http_retry, jitter_is_full)
{
	cr_assert_eq(retry_delay_ms(3, 0, 50, 5000), 0);
	cr_assert_eq(retry_delay_ms(3, UINT32_MAX / 2, 50, 5000), 99);
	cr_assert_eq(retry_delay_ms(0, UINT32_MAX, 50, 5000), 50);
}

Test(http_retry, retry_after_is_read_and_capped)
{
	int64_t now = 1445412480; /* Wed, 21 Oct 2015 07:28:00 GMT */

	cr_assert_eq(retry_after_ms(NULL, now), 0);
	cr_assert_eq(retry_after_ms("3", now), 3000);
	cr_assert_eq(retry_after_ms("100000000000", now), RETRY_AFTER_CAP_MS);
	cr_assert_eq(retry_after_ms("-3", now), 0);
	cr_assert_eq(retry_after_ms("soon", now), 0);
	cr_assert_eq(retry_after_ms("Wed, 21 Oct 2015 07:28:05 GMT", now), 5000);
	cr_assert_eq(retry_after_ms("Wed, 21 Oct 2015 07:27:05 GMT", now), 0);
	cr_assert_eq(retry_after_ms("Wed, 21 Oct 2025 07:28:05 GMT", now), RETRY_AFTER_CAP_MS);
}

Test(http_retry, budget_runs_out_and_is_refilled_by_success)
{
	struct retry_budget b;
	int taken = 0;

	retry_budget_fill(&b);
	while (retry_budget_take(&b))
		taken++;
	cr_assert_eq(taken, RETRY_BUDGET_TOKENS / RETRY_COST_TOKENS);
	retry_budget_success(&b, true);
	cr_assert(retry_budget_take(&b));
	cr_assert_not(retry_budget_take(&b));
	for (int i = 0; i < RETRY_COST_TOKENS; i++)
		retry_budget_success(&b, false);
	cr_assert(retry_budget_take(&b));
	retry_budget_fill(&b);
	retry_budget_success(&b, true);
	cr_assert_eq(b.tokens, (unsigned)RETRY_BUDGET_TOKENS);
}

/* With half of all requests failing once, what retries cost must come back. */
Test(http_retry, a_server_that_fails_half_the_time_keeps_its_budget)
{
	struct retry_budget b;

	retry_budget_fill(&b);
	for (int i = 0; i < 10000; i++) {
		cr_assert(retry_budget_take(&b));
		retry_budget_success(&b, true);
	}
}
