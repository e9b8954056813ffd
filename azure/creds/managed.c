// SPDX-License-Identifier: Apache-2.0
/*
 * Managed identities: "How to use managed identities for App Service and Azure Functions" and "...
 * on a virtual machine to acquire an access token". Both services are the machine's own neighbours:
 * no proxy stands before them. With AZURE_CLIENT_ID it is that identity of those assigned.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "azure/creds/creds.h"
#include "core/keeper.h"

#define INSTANCE_ORIGIN	  "http://169.254.169.254"
#define INSTANCE_PATH	  "/metadata/identity/oauth2/token"
#define INSTANCE_VERSION  "2018-02-01"
#define APP_VERSION	  "2019-08-01"
#define PROBE_TIMEOUT_MS  1000 /* where there is no such service nobody answers */
#define ANSWER_TIMEOUT_MS 10000
#define TRIES		  3
#define RETRY_MS	  300 /* then twice as long each time */

static const char instance[] = "managed identity";
static const char app_service[] = "managed identity of App Service";

static int make_url(struct azure_search *s, const char *endpoint, const char *version,
		    struct buffer *url)
{
	const char *client = azure_creds_env(s, "AZURE_CLIENT_ID");
	int ret = buffer_add_text(url, endpoint);

	ret = ret ? ret : uri_add_query(url, "api-version", version);
	ret = ret ? ret : uri_add_query(url, "resource", AZURE_CREDS_RESOURCE);
	return ret || !client[0] ? ret : uri_add_query(url, "client_id", client);
}

/* Asks once. Returns as fetch_run(). */
static int ask(const char *url, const char *name, const char *value, int64_t timeout_ms,
	       struct fetch *f)
{
	struct header_list fields = {0};
	int ret = header_add(&fields, name, value);

	*f = (struct fetch){
		.method = "GET", .url = url, .fields = &fields, .timeout_ms = timeout_ms};
	ret = ret ? ret : fetch_run(f);
	f->fields = NULL;
	header_clear(&fields);
	return ret;
}

/* Again while the service says that it may help: 410 while it is being updated. */
static int ask_again(const char *url, const char *name, const char *value, struct fetch *f)
{
	int ret = 0;

	for (unsigned try = 0; try < TRIES; try++) {
		if (try) {
			fetch_clear(f);
			usleep((RETRY_MS << (try - 1)) * 1000U);
		}
		ret = ask(url, name, value, ANSWER_TIMEOUT_MS, f);
		if (ret || keeper_is_stopping() ||
		    (f->status != 410 && f->status != 429 && f->status < 500))
			break;
	}
	return ret;
}

int azure_from_app_service(struct azure_search *s)
{
	const char *endpoint = azure_creds_env(s, "IDENTITY_ENDPOINT");
	const char *header = azure_creds_env(s, "IDENTITY_HEADER");
	SCOPE_BUFFER struct buffer url = BUFFER_INIT(AZURE_CREDS_URL_BYTES);
	struct fetch f = {0};
	int ret;

	if (!endpoint[0] || !header[0]) {
		creds_note(s->out, app_service, "no IDENTITY_ENDPOINT and IDENTITY_HEADER");
		return 0;
	}
	ret = make_url(s, endpoint, APP_VERSION, &url);
	if (ret == -EMSGSIZE)
		return azure_creds_fail(s, app_service, "IDENTITY_ENDPOINT is too long");
	ret = ret ? ret : ask_again(buffer_text(&url), "X-IDENTITY-HEADER", header, &f);
	if (ret == -ENOMEM || ret == -ECANCELED)
		return ret;
	if (ret < 0)
		return azure_creds_fail(s, app_service, "%.100s: %s", endpoint,
					ret == -EINVAL ? "IDENTITY_HEADER is none"
					: f.words[0]   ? f.words
						       : strerror(-ret));
	ret = azure_token_take(s, app_service, &f);
	fetch_clear(&f);
	return ret;
}

/* Is there such a service? It refuses what lacks the header, at once. */
static int probe(struct azure_search *s, const char *origin, const char *url)
{
	struct fetch f = {0};
	int ret = ask(url, "Accept", "application/json", PROBE_TIMEOUT_MS, &f);

	if (ret == -ENOMEM || ret == -ECANCELED)
		return ret;
	if (ret < 0)
		creds_note(s->out, instance, "%.100s: %s", origin,
			   f.words[0] ? f.words : strerror(-ret));
	fetch_clear(&f);
	return ret < 0 ? 0 : 1;
}

int azure_from_instance(struct azure_search *s)
{
	const char *origin = azure_creds_env(s, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
	SCOPE_BUFFER struct buffer url = BUFFER_INIT(AZURE_CREDS_URL_BYTES);
	char endpoint[AZURE_CREDS_URL_BYTES / 2];
	struct fetch f = {0};
	int ret;

	if (!origin[0])
		origin = INSTANCE_ORIGIN;
	snprintf(endpoint, sizeof(endpoint), "%.300s%s", origin,
		 origin[strlen(origin) - 1] == '/' ? &INSTANCE_PATH[1] : INSTANCE_PATH);
	ret = make_url(s, endpoint, INSTANCE_VERSION, &url);
	ret = ret ? ret : probe(s, origin, buffer_text(&url));
	if (ret <= 0)
		return ret;
	ret = ask_again(buffer_text(&url), "Metadata", "true", &f);
	if (ret == -ENOMEM || ret == -ECANCELED)
		return ret;
	/* 400: no identity is assigned. 403 and 404: another cloud's service, or a proxy */
	if (ret < 0 || f.status == 400 || f.status == 403 || f.status == 404) {
		creds_note(s->out, instance, "%.100s: answers %d%s", origin, f.status,
			   f.status == 400 ? ": no identity is assigned" : "");
		fetch_clear(&f);
		return 0;
	}
	ret = azure_token_take(s, instance, &f);
	fetch_clear(&f);
	return ret;
}
