/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skyshim-teststore: the object store that the demo, the tests and the benchmarks talk to.
 *
 * It shares no line with the programs it tests. Read in this order: exchange.h (a request and its
 * answer), server.c and send.c (HTTP, pacing, faults on the wire), s3.c, gcs.c, azure.c and what
 * they name (the dialects), bucket.c, objects.c, list.c, uploads.c over content.c and keyset.c
 * (what is stored), admin.h. Another service is another struct dialect.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "tests/store/buf.h"
#include "tests/store/exchange.h"
#include "tests/store/options.h"
#include "tests/store/pace.h"
#include "tests/store/server.h"
#include "tests/store/settings.h"

#define DIALECTS 3

/* Azure's paths begin with its account. Google's XML API is S3's, so that it stands behind Google's
 * JSON API as well; S3's takes what is left. */
static void choose(const struct dialect *out[DIALECTS + 1])
{
	size_t count = 0;

	if (settings.azure)
		out[count++] = &azure_dialect;
	if (settings.gcs)
		out[count++] = &gcs_dialect;
	out[count++] = &s3_dialect;
	out[count] = NULL;
}

/* Written beside and renamed, so that whoever waits for the file finds it complete. */
static int write_port_file(uint16_t port)
{
	struct buf beside = {0};
	FILE *file;
	int ret = -1;

	if (!settings.port_file)
		return 0;
	buf_printf(&beside, "%s.new", settings.port_file);
	file = beside.failed ? NULL : fopen(beside.data, "we");
	if (file) {
		fprintf(file, "%u\n", port);
		ret = fclose(file) || rename(beside.data, settings.port_file);
	}
	if (ret)
		fprintf(stderr, "skyshim-teststore: --port-file %s: cannot be written\n",
			settings.port_file);
	buf_free(&beside);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct dialect *dialects[DIALECTS + 1];
	sigset_t ends;
	uint16_t port;
	int got;

	/* Blocked before any thread starts, so that only sigwait() sees them. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	xmlInitParser();

	got = options_parse(argc, argv);
	if (got)
		return got > 0 ? 0 : 2;
	choose(dialects);
	if (pace_init() || server_start(dialects, &port))
		return 1;
	if (write_port_file(port)) {
		pace_stop();
		server_stop();
		return 1;
	}
	printf("skyshim-teststore: http%s://%s:%u\n", settings.tls_cert ? "s" : "", settings.listen,
	       port);
	fflush(stdout);

	sigwait(&ends, &got);
	pace_stop();
	server_stop();
	return 0;
}
