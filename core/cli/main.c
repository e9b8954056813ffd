/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line as its user starts it: what starts programs, and the way to all the rest. Job
 * scripts start thousands of programs, and what the daemon is linked with (libcurl, OpenSSL: 40
 * libraries) takes ten times as long to load as all that a start does. So that is another program,
 * core/cli/commands.c, and this one is linked with none of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cli/cli.h"
#include "core/cli/standing.h"
#include "core/cli/where.h"

static const char usage[] =
	"skyshim: programs work on object storage as if it were a local disk\n"
	"\n"
	"  skyshim run [OPTION...] [--] PROGRAM [ARG...]\n"
	"                                     run PROGRAM; it finds the clouds under /cloud\n"
	"      --strict                       not if any system call could escape\n"
	"      --report-coverage[=FILE]       say at the end how each process was covered\n"
	"      --trace=FILE                   a timeline of its calls and requests, for Perfetto\n"
	"      --stats                        say at the end what it asked of stores, as `stats "
	"--job`\n"
	"      --io-uring                     io_uring is served, too (else it is \"not there\")\n"
	"  skyshim shell [ARG...]             your shell, likewise\n"
	"  skyshim daemon [--foreground]      start the daemon (the others do it by themselves)\n"
	"  skyshim stop                       stop it\n"
	"  skyshim status                     does it run, and where\n"
	"  skyshim stats [--json|--prometheus] [--job=ID]\n"
	"                                     requests, bytes, latency, cost; in all or of one "
	"run\n"
	"  skyshim recover ...                what could not be uploaded; see --help of it\n"
	"  skyshim creds [test] [URI]         which credential is used, and is it good; see "
	"--help\n"
	"  skyshim detect [--json] URI        what a bucket's service can do, and what to "
	"configure\n"
	"  skyshim doctor [--json]            what this machine allows, and what to change\n"
	"  skyshim --help | --version\n"
	"\n"
	"Examples:\n"
	"  skyshim run ls -l /cloud/s3\n"
	"  skyshim run cp -r /cloud/s3/bucket/photos .\n"
	"  skyshim run ffmpeg -i s3://bucket/in.mp4 out.mkv\n"
	"  skyshim run sh -c 'grep -r needle /cloud/s3/bucket | sort | head'\n"
	"\n"
	"run: the exit status, or the fatal signal, is PROGRAM's; 127 when it is not found, 126\n"
	"when it cannot be started.\n"
	"\n"
	"Environment: the vendors' own variables (AWS_PROFILE, AWS_ENDPOINT_URL_S3, ...), and\n"
	"  SKYSHIM_ROOT           where the clouds appear (/cloud)\n"
	"  SKYSHIM_OFF=1          run programs natively\n"
	"  SKYSHIM_CACHE_DIR      the cache (~/.cache/skyshim)\n"
	"  SKYSHIM_CACHE_SIZE     its size, like 20G (10G, or half of the free space)\n"
	"  SKYSHIM_MEMORY_CAP     of the daemon, like 256M (1G, or a quarter of the machine's)\n"
	"  SKYSHIM_DURABILITY     when what was written is in the bucket: after close, fsync or,\n"
	"                         fastest, exit (close)\n"
	"  SKYSHIM_ENFORCE_MODE=1 modes and owners decide who may do what, as on a disk\n"
	"  SKYSHIM_IO_URING=1     as run --io-uring\n"
	"  SKYSHIM_METADATA=full  a listing asks for each file's mode and whether it is a link\n"
	"  SKYSHIM_META_TTL_MS    how long names and sizes are believed (1000)\n"
	"  SKYSHIM_IDLE           seconds after which the daemon leaves (600)\n"
	"  SKYSHIM_DAEMON_WAIT    seconds to wait for a daemon that does not answer (120)\n"
	"  SKYSHIM_LOG            LEVEL or LEVEL:FILE; error, warn, info or debug\n";

/* All other commands are the other program's. Returns only on failure, an exit status. */
static int become(char **argv)
{
	static struct where where;

	if (where_programs(&where))
		return CLI_NOT_EXECUTABLE;
	if (!where.daemon[0])
		return where_missing("skyshim-daemon");
	execv(where.daemon, argv);
	return where_complain("cannot execute", where.daemon, -errno);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	standing_hold();
	if (!strcmp(command, "run"))
		return cli_run(argv + 2);
	if (!strcmp(command, "shell"))
		return cli_shell(argv + 2);
	if (!strcmp(command, "--version")) {
		puts("skyshim " SKYSHIM_VERSION);
		return 0;
	}
	if (!strcmp(command, "--help") || !strcmp(command, "-h") || !strcmp(command, "help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (*command)
		return become(argv);
	fputs("skyshim: a command is missing; see `skyshim --help`\n", stderr);
	return CLI_USAGE;
}
