/* SPDX-License-Identifier: Apache-2.0 */
/* plugs LIBRARY FILE: opens plugin.c's library, whose constructor and function call the kernel
 * themselves. Unlike the hazards, this program holds nothing that sets the trap. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

int main(int argc, char **argv)
{
	long (*call)(long, long, long, long);
	char text[6] = "";
	char *constructed;
	void *library;
	long fd;

	if (argc != 3)
		return 2;
	setenv("HAZARD_FILE", argv[2], 1);
	library = dlopen(argv[1], RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	constructed = dlsym(library, "plugin_constructed");
	call = (long (*)(long, long, long, long))dlsym(library, "plugin_call");
	printf("constructor read %.13s\n", constructed);
	fd = call(SYS_open, (long)argv[2], 0, 0);
	printf("open %d\n", fd >= 0);
	printf("read %ld %s\n", call(SYS_read, fd, (long)text, 5), text);
	return dlclose(library);
}
