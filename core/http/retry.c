// SPDX-License-Identifier: Apache-2.0
/* When to try again. Only arithmetic: who waits is the driver's business. */
#include "core/http/retry.h"

#include <stddef.h>

#include "core/http/date.h"
#include "core/http/range.h"

int64_t retry_delay_ms(unsigned tries, uint32_t random, int64_t base_ms, int64_t cap_ms)
{
	int64_t most = base_ms;

	for (unsigned i = 1; i < tries && most < cap_ms; i++)
		most *= 2;
	if (most > cap_ms)
		most = cap_ms;
	return most * (int64_t)random / UINT32_MAX;
}

int64_t retry_after_ms(const char *value, int64_t now_s)
{
	uint64_t seconds;
	int64_t date;

	if (!value)
		return 0;
	if (range_parse_number(value, &seconds) < 0) {
		if (date_parse_http(value, &date) < 0 || date <= now_s)
			return 0;
		seconds = (uint64_t)(date - now_s);
	}
	if (seconds > RETRY_AFTER_CAP_MS / 1000)
		return RETRY_AFTER_CAP_MS;
	return (int64_t)seconds * 1000;
}

void retry_budget_fill(struct retry_budget *budget)
{
	budget->tokens = RETRY_BUDGET_TOKENS;
}

bool retry_budget_take(struct retry_budget *budget)
{
	if (budget->tokens < RETRY_COST_TOKENS)
		return false;
	budget->tokens -= RETRY_COST_TOKENS;
	return true;
}

void retry_budget_success(struct retry_budget *budget, bool was_retried)
{
	budget->tokens += was_retried ? RETRY_COST_TOKENS : RETRY_REFUND_TOKENS;
	if (budget->tokens > RETRY_BUDGET_TOKENS)
		budget->tokens = RETRY_BUDGET_TOKENS;
}
