/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, stopping and counting the cache. */
#include "cache/cache.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include "cache/file.h"
#include "cache/place.h"
#include "cache/strays.h"

#define SIZE_DEFAULT (UINT64_C(10) << 30) /* or half of the free space if that is less */
#define SIZE_MIN     (UINT64_C(4) << 20)

static uint64_t default_size(int fd)
{
	struct statvfs vfs;
	uint64_t half;

	if (fstatvfs(fd, &vfs))
		return SIZE_DEFAULT;
	half = (uint64_t)vfs.f_bavail * vfs.f_frsize / 2;
	return half < SIZE_DEFAULT ? half : SIZE_DEFAULT;
}

uint64_t cache_size(const struct cache_config *config)
{
	uint64_t size = config->size_bytes ? config->size_bytes : default_size(config->dir_fd);

	return size < SIZE_MIN ? SIZE_MIN : size;
}

int cache_start(const struct cache_config *config, const struct cache_source *source)
{
	int fd = place_files(config->dir_fd);
	int ret;

	if (fd < 0)
		return fd;
	cache.files_fd = fd;
	cache.source = *source;
	cache.size_max = cache_size(config);
	/* several windows must fit at once */
	cache.window_max = cache.size_max / 8 < READAHEAD_WINDOW_BYTES ? cache.size_max / 8
								       : READAHEAD_WINDOW_BYTES;
	cache.evicted = 0;
	arrive_start();
	ret = file_tables_init();
	if (!ret)
		ret = file_adopt();
	if (!ret)
		ret = evict_start();
	if (ret)
		cache_stop();
	return ret;
}

void cache_stop(void)
{
	evict_stop();
	file_tables_free();
	strays_free();
	if (cache.files_fd >= 0)
		close(cache.files_fd);
	cache.files_fd = -1;
}

void cache_stats(struct cache_stats *out)
{
	pthread_mutex_lock(&cache.lock);
	*out = (struct cache_stats){
		.files = cache.files,
		.bytes = cache.used,
		.size_max = cache.size_max,
		.parts = cache.parts,
		.evicted_bytes = cache.evicted,
		.ahead_bytes = cache.ahead_bytes,
		.ahead_used = cache.ledger.used,
		.ahead_wasted = cache.ledger.wasted,
	};
	pthread_mutex_unlock(&cache.lock);
}
