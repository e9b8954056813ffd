// SPDX-License-Identifier: Apache-2.0
/*
 * The metadata server of Compute Engine, Kubernetes Engine, Cloud Run and so on. Elsewhere nobody
 * answers at that address, or somebody who has other things to say, so it is given little time, and
 * failing is no error: there just is none.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/http/uri.h"
#include "gcs/creds/creds.h"

/* metadata.google.internal, which not every resolver knows */
#define HOST	       "169.254.169.254"
#define TIMEOUT_MS     1500
#define TRIES	       3 /* once it is known to be there */
#define URL_BYTES      512
#define TOKEN_PATH     "instance/service-accounts/default/token"
#define ID_PATH	       "project/project-id"
#define UNIVERSE_PATH  "universe/universe-domain"
#define UNIVERSE_BYTES 128

static const char source[] = "metadata server";

static const char *host_of(const struct context *ctx)
{
	const char *host = google_env(ctx, "GCE_METADATA_HOST");

	if (!host[0])
		host = google_env(ctx, "GCE_METADATA_IP");
	return host[0] ? host : HOST;
}

/* Returns 0 with an answer, whatever its status, or as fetch_run(). */
static int ask(struct google_search *s, const char *path, unsigned tries, struct fetch *f)
{
	struct header_list fields = {0};
	char url[URL_BYTES];
	int ret;

	snprintf(url, sizeof(url), "http://%.200s/computeMetadata/v1/%s", host_of(s->ctx), path);
	*f = (struct fetch){.method = "GET", .url = url, .timeout_ms = TIMEOUT_MS};
	ret = header_add(&fields, "Metadata-Flavor", "Google");
	if (!ret)
		ret = fetch_tries(f, &fields, tries);
	header_clear(&fields);
	f->url = NULL;
	return ret;
}

static void take_project(struct google_search *s)
{
	struct fetch f;

	if (!ask(s, ID_PATH, 1, &f) && f.status == 200 && f.answer &&
	    strlen(f.answer) < sizeof(s->out->project) && !strpbrk(f.answer, "\r\n<> "))
		strcpy(s->out->project, f.answer);
	fetch_clear(&f);
}

/* A token is of the cloud that the machine is in. As Google's own libraries take it (google-auth of
 * Python, compute_engine/_metadata.py): no answer, or an empty one, is the usual cloud. */
static int check_universe(struct google_search *s)
{
	const char *wanted = google_universe(s->ctx);
	char here[UNIVERSE_BYTES] = "";
	struct fetch f;

	if (!ask(s, UNIVERSE_PATH, 1, &f) && f.status == 200 && f.answer)
		snprintf(here, sizeof(here), "%.*s", (int)strcspn(f.answer, "\r\n<> "), f.answer);
	fetch_clear(&f);
	if (!strcmp(here[0] ? here : GOOGLE_UNIVERSE, wanted))
		return 0;
	return google_fail(s, source,
			   "this machine is of the universe %.60s, and %.60s is spoken to: set "
			   "GOOGLE_CLOUD_UNIVERSE_DOMAIN=%.60s",
			   here[0] ? here : GOOGLE_UNIVERSE, wanted,
			   here[0] ? here : GOOGLE_UNIVERSE);
}

int google_from_metadata(struct google_search *s)
{
	struct fetch f;
	json_t *answer;
	int ret;

	if (config_is_true(google_env(s->ctx, "NO_GCE_CHECK"))) {
		creds_note(s->out, source, "not asked: NO_GCE_CHECK");
		return 0;
	}
	ret = ask(s, TOKEN_PATH, google_env(s->ctx, "GCE_METADATA_HOST")[0] ? TRIES : 1, &f);
	if (ret == -ECANCELED || ret == -ENOMEM)
		return ret;
	if (ret < 0 || f.status != 200 || !f.answer) {
		creds_note(s->out, source, "%s",
			   ret < 0 ? f.words : "it has no account for this machine");
		fetch_clear(&f);
		return 0;
	}
	answer = json_loadb(f.answer, f.answer_bytes, JSON_REJECT_DUPLICATES, NULL);
	fetch_clear(&f);
	if (!json_is_object(answer)) {
		json_decref(answer);
		creds_note(s->out, source, "what answers there is none");
		return 0;
	}
	ret = check_universe(s);
	if (!ret)
		ret = google_take_token(s, answer);
	json_decref(answer);
	if (ret)
		return ret;
	take_project(s);
	return google_found(s, source, "metadata server %.100s", host_of(s->ctx));
}
