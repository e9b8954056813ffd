/* SPDX-License-Identifier: Apache-2.0 */
/* `skyshim rewrite`: what the daemon starts to have twins made (fs/rewriter.h); not for people. */
#include <stdio.h>

#include "core/cli/cli.h"
#include "fs/rewriter.h"
#include "intercept/rewrite/rewrite.h"

static int rewrite(int fd, int out_fd, const uint64_t *seen, size_t seen_count)
{
	struct rewrite_options options = {.seen = seen, .seen_count = seen_count};
	struct rewrite_report report = {0};

	return rewrite_file(fd, out_fd, &options, &report);
}

int cli_rewrite(char **argv)
{
	if (cli_no_arguments("rewrite", argv))
		return CLI_USAGE;
	if (rewriter_serve(rewrite)) {
		fputs("skyshim: rewrite: only the daemon starts this\n", stderr);
		return CLI_USAGE;
	}
	return 0;
}
