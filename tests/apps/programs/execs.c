/* SPDX-License-Identifier: Apache-2.0 */
/* execs PROGRAM ARGUMENT...: handles SIGUSR1 by saying so, and executes PROGRAM. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void handle(int number)
{
	(void)number;
	if (write(1, "handled\n", 8) != 8)
		_exit(3);
}

int main(int argc, char **argv)
{
	signal(SIGUSR1, handle);
	if (argc > 1)
		execv(argv[1], argv + 1);
	perror(argv[argc - 1]);
	return 1;
}
