/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a folder with nftw; prints size and checksum of each file, read by stdio in threads. */
#include <ftw.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 1000
#define THREADS	  4

static struct entry {
	char *path;
	long size, read;
	uint64_t sum;
} files[FILES_MAX];
static size_t count;

static int visit(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)ftw;
	if (kind == FTW_F && count < FILES_MAX)
		files[count++] = (struct entry){.path = strdup(path), .size = (long)st->st_size};
	return kind == FTW_NS || kind == FTW_DNR;
}

static void *read_files(void *arg)
{
	for (size_t i = (size_t)(uintptr_t)arg; i < count; i += THREADS) {
		FILE *in = fopen(files[i].path, "rb");
		int c;

		while (in && (c = getc_unlocked(in)) != EOF) {
			files[i].sum = files[i].sum * 31 + (uint64_t)c;
			files[i].read++;
		}
		if (in)
			fclose(in);
	}
	return NULL;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS];

	if (argc != 2 || nftw(argv[1], visit, 16, FTW_PHYS)) {
		perror(argc > 1 ? argv[1] : "usage: reader FOLDER");
		return 1;
	}
	qsort(files, count, sizeof(files[0]), by_path);
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, read_files, (void *)i))
			return 2;
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (size_t i = 0; i < count; i++)
		printf("%s %ld %ld %016llx\n", files[i].path, files[i].size, files[i].read,
		       (unsigned long long)files[i].sum);
	return 0;
}
