// SPDX-License-Identifier: Apache-2.0
/*
 * A container's credentials: ECS tells a path on its own address, EKS and others a whole URL with a
 * token. The token goes to nobody but this machine, the two services' addresses, or by TLS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include "core/http/uri.h"
#include "core/scope.h"
#include "core/slurp.h"
#include "s3/creds/creds.h"
#include "s3/endpoint.h"

#define TRIES		3
#define TIMEOUT_MS	2000
#define ECS_ORIGIN	"http://169.254.170.2"
#define URL_BYTES	2048
#define AUTH_FILE_BYTES 16384

static const char source[] = "container";

static bool is_allowed_host(const char *host)
{
	static const char *const known[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
					    "[fd00:ec2::23]"};
	struct in_addr address;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(host, known[i]))
			return true;
	}
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* May what is secret go there? */
static bool is_allowed(const char *url)
{
	struct uri_origin origin;
	char start[URL_BYTES];
	size_t len;

	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return false;
	len = (size_t)(strchr(url, ':') - url) + 3;
	len += strcspn(url + len, "/?#");
	snprintf(start, sizeof(start), "%.*s", (int)len, url);
	if (uri_parse_origin(start, &origin) < 0)
		return false;
	return origin.tls || is_allowed_host(origin.host);
}

static int make_url(struct aws_search *s, const char *relative, const char *full,
		    char url[URL_BYTES])
{
	int len = relative[0] ? snprintf(url, URL_BYTES, ECS_ORIGIN "%s", relative)
			      : snprintf(url, URL_BYTES, "%s", full);

	if (len >= URL_BYTES)
		return aws_fail(s, source, "the address is too long");
	if (relative[0] && relative[0] != '/')
		return aws_fail(s, source,
				"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /");
	if (!is_allowed(url))
		return aws_fail(s, source,
				"AWS_CONTAINER_CREDENTIALS_FULL_URI=%.100s: credentials are asked "
				"for by https, from this machine (127.0.0.1, localhost), "
				"169.254.170.2, 169.254.170.23 or [fd00:ec2::23] only",
				url);
	return 0;
}

static int add_authorization(struct aws_search *s, struct header_list *fields)
{
	const char *path = aws_env(s->ctx, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = aws_env(s->ctx, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
	SCOPE_FREE char *text = NULL;
	int ret = 0;

	if (path[0]) {
		ret = slurp(path, AUTH_FILE_BYTES, &text);
		if (ret == -ENOMEM)
			return ret;
		if (ret < 0 || !text)
			return aws_fail(s, source, "%.200s cannot be read: %s", path,
					strerror(ret ? -ret : ENOENT));
		text[strcspn(text, "\r\n")] = '\0';
		token = text;
	}
	if (token[0])
		ret = header_add(fields, "Authorization", token);
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	if (ret == -EINVAL || ret == -EMSGSIZE)
		return aws_fail(s, source, "the authorization token cannot stand in a header");
	return ret;
}

static int take_answer(struct aws_search *s, const struct fetch *f)
{
	static const struct aws_names names = {"AccessKeyId", "SecretAccessKey", "Token",
					       "Expiration"};
	const char *wrong;

	if (f->status != 200)
		return aws_fail(s, source, "%.150s refuses (%d)", f->url, f->status);
	wrong = aws_read_json(f->answer, f->answer_bytes, NULL, &names, s->out);
	aws_local_expiry(s->out, f);
	if (wrong)
		return aws_fail(s, source, "the answer of %.150s makes no sense: %s", f->url,
				wrong);
	return aws_found(s, source, "container at %.150s", f->url);
}

int aws_from_container(struct aws_search *s)
{
	const char *relative = aws_env(s->ctx, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = aws_env(s->ctx, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
	struct header_list fields = {0};
	char url[URL_BYTES];
	struct fetch f = {.method = "GET", .url = url, .timeout_ms = TIMEOUT_MS};
	int ret;

	if (!relative[0] && !full[0]) {
		creds_note(s->out, source, "no AWS_CONTAINER_CREDENTIALS_... variable");
		return 0;
	}
	ret = make_url(s, relative, full, url);
	if (ret)
		return ret;
	if (!s->may_wait)
		return -EINPROGRESS;
	ret = header_add(&fields, "Accept", "application/json");
	if (!ret)
		ret = add_authorization(s, &fields);
	/* never by a proxy, but to other hosts */
	if (!strncmp(url, "https:", 6))
		f.ctx = s->ctx;
	f.ca_bundle = s->config->ca_bundle;
	if (!ret)
		ret = fetch_tries(&f, &fields, TRIES);
	header_clear(&fields);
	if (ret == -EACCES || ret == -ECANCELED || ret == -ENOMEM)
		return ret;
	if (ret < 0)
		return aws_fail(s, source, "%.150s: %s", url,
				f.words[0] ? f.words : strerror(-ret));
	ret = take_answer(s, &f);
	fetch_clear(&f);
	return ret;
}
