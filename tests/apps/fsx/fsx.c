/* SPDX-License-Identifier: Apache-2.0 */
/* fsx FILE MODEL OPERATIONS SEED MOST-BYTES FLUSH-ODDS: see fsx.h. The file may be there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/apps/fsx/fsx.h"

static void *room(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		exit(2);
	return at;
}

/* The model begins as what the file holds. */
static void take_over(struct fsx *x)
{
	ssize_t n;

	x->fd = open(x->path, O_RDONLY | O_CLOEXEC);
	if (x->fd < 0 && errno == ENOENT)
		return;
	if (x->fd < 0)
		fail(x, "open");
	while ((n = read(x->fd, x->model + x->size, x->most - x->size)) > 0)
		x->size += (size_t)n;
	if (n < 0 || close(x->fd))
		fail(x, "read");
}

int main(int argc, char **argv)
{
	struct fsx x = {.fd = -1};
	unsigned long count;

	if (argc != 7)
		return 2;
	x.path = argv[1];
	x.model_path = argv[2];
	count = strtoul(argv[3], NULL, 10);
	x.random = strtoul(argv[4], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	x.most = strtoul(argv[5], NULL, 10);
	x.flush_odds = (unsigned)strtoul(argv[6], NULL, 10);
	x.model = room(x.most + BLOCK);
	x.buffer = room(x.most + BLOCK);
	take_over(&x);
	do_open(&x, 0);
	for (x.op = 1; x.op <= count; x.op++)
		operate(&x);
	check_all(&x);
	do_close(&x);
	save_model(&x);
	ask(&x, "check");
	printf("done %lu\n", count);
	return 0;
}
