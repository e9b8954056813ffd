// SPDX-License-Identifier: Apache-2.0
/* A profile with role_arn: the keys of another profile, or of another source, ask STS for a session
 * of that role. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"
#include "s3/creds/creds.h"

#define DEPTH_MAX 8 /* roles that lead to roles */

static const char source[] = "role";

static bool has_role(const struct config *config)
{
	return config->role_arn[0] && !config->web_identity_token_file[0];
}

/* A search on behalf of this one, with its result in base. */
static struct aws_search nested(const struct aws_search *s, const struct config *config,
				struct creds *base)
{
	struct aws_search inner = *s;

	inner.config = config;
	inner.out = base;
	inner.is_nested = true;
	inner.depth++;
	memcpy(base->tried, s->out->tried, sizeof(base->tried));
	return inner;
}

static int from_named_source(struct aws_search *s, struct creds *base)
{
	static const struct {
		const char *name;
		aws_source find;
	} known[] = {
		{"Environment", aws_from_environment},
		{"EcsContainer", aws_from_container},
		{"Ec2InstanceMetadata", aws_from_instance},
	};
	const char *name = s->config->credential_source;
	struct aws_search inner = nested(s, s->config, base);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(name, known[i].name))
			return known[i].find(&inner);
	}
	return aws_fail(s, source,
			"profile %s: credential_source = %.40s: it is Environment, EcsContainer or "
			"Ec2InstanceMetadata",
			s->config->profile, name);
}

static int from_source_profile(struct aws_search *s, struct creds *base)
{
	SCOPE_FREE struct config *config = calloc(1, sizeof(*config));
	const char *name = s->config->source_profile;
	struct aws_search inner;
	bool itself = !strcmp(name, s->config->profile);
	char why[256];
	int ret;

	if (!config)
		return -ENOMEM;
	if (s->depth >= DEPTH_MAX)
		return aws_fail(s, source, "the source_profile lines lead in a circle, or too far");
	ret = config_read_profile(s->ctx, name, config, why, sizeof(why));
	if (ret == -ENOMEM)
		return ret;
	if (ret < 0)
		return aws_fail(s, source, "source_profile of profile %s: %s", s->config->profile,
				why);
	inner = nested(s, config, base);
	if (has_role(config) && !config->key_id[0] && !itself)
		ret = aws_from_role(&inner);
	else
		ret = aws_from_profile(&inner);
	config_wipe(config);
	return ret;
}

/* The keys that ask for the role. */
static int find_base(struct aws_search *s, struct creds *base)
{
	const struct config *config = s->config;
	int ret;

	if (config->source_profile[0])
		ret = from_source_profile(s, base);
	else
		ret = from_named_source(s, base);
	if (base->tried[0])
		memcpy(s->out->tried, base->tried, sizeof(base->tried));
	if (!ret)
		return aws_fail(s, source, "profile %s: %s %s has no credentials", config->profile,
				config->source_profile[0] ? "source_profile" : "credential_source",
				config->source_profile[0] ? config->source_profile
							  : config->credential_source);
	return ret;
}

int aws_from_role(struct aws_search *s)
{
	SCOPE_FREE struct creds *base = NULL;
	const struct config *config = s->config;
	const struct aws_role role = {
		.arn = config->role_arn,
		.session_name = config->role_session_name,
		.external_id = config->external_id,
		.duration_seconds = config->duration_seconds,
	};
	int ret;

	if (!has_role(config)) {
		creds_note(s->out, source, "no role_arn in profile %s", config->profile);
		return 0;
	}
	if (!config->source_profile[0] == !config->credential_source[0])
		return aws_fail(
			s, source,
			"profile %s has role_arn and %s source_profile %s credential_source: "
			"one of them is wanted",
			config->profile, config->source_profile[0] ? "both" : "neither",
			config->source_profile[0] ? "and" : "nor");
	if (config->mfa_serial[0])
		return aws_fail(
			s, source,
			"profile %s wants a code of a device (mfa_serial), which no program "
			"can give: run `eval \"$(aws configure export-credentials --format "
			"env)\"` first",
			config->profile);
	if (!s->may_wait)
		return -EINPROGRESS;
	base = calloc(1, sizeof(*base));
	if (!base)
		return -ENOMEM;
	ret = find_base(s, base);
	if (ret > 0)
		ret = aws_assume_role(s, source, &role, base, NULL);
	creds_wipe(base);
	return ret > 0 ? aws_found(s, source, "role %.150s by profile %s", role.arn,
				   config->profile)
		       : ret;
}
