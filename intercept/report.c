/* SPDX-License-Identifier: Apache-2.0 */
/* See report.h. */
#include "intercept/report.h"

#include <linux/fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "intercept/exename.h"
#include "intercept/filter.h"
#include "intercept/image.h"
#include "intercept/path.h"
#include "intercept/procmaps.h"
#include "intercept/thread.h"

#define REASONS_MAX 16u
#define SITES_MAX   64u
#define LINE_BYTES  1024u

LARGE_ZEROES static struct reason {
	const char *what;
	int covered;
} reasons[REASONS_MAX];
static uint32_t reason_count;		       /* atomic */
LARGE_ZEROES static uint64_t sites[SITES_MAX]; /* that trapped; atomic */
static uint64_t traps;			       /* atomic */

struct writer {
	int fd;
	char text[LINE_BYTES];
	size_t used;
};

void report_reason(const char *what, int covered)
{
	uint32_t n = __atomic_load_n(&reason_count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n && i < REASONS_MAX; i++)
		if (reasons[i].what == what)
			return;
	n = __atomic_fetch_add(&reason_count, 1, __ATOMIC_ACQ_REL);
	if (n < REASONS_MAX)
		reasons[n] = (struct reason){what, covered};
}

void report_trap(uint64_t site)
{
	__atomic_fetch_add(&traps, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < SITES_MAX; i++) {
		uint64_t seen = 0;

		if (__atomic_load_n(&sites[i], __ATOMIC_RELAXED) == site ||
		    __atomic_compare_exchange_n(&sites[i], &seen, site, 0, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED) ||
		    seen == site)
			return;
	}
}

static void put_bytes(struct writer *w, const char *from, size_t n)
{
	if (n > sizeof(w->text) - 1 - w->used)
		n = sizeof(w->text) - 1 - w->used;
	memcpy(w->text + w->used, from, n);
	w->used += n;
}

static void put(struct writer *w, const char *text)
{
	put_bytes(w, text, strlen(text));
}

static void put_number(struct writer *w, const char *before, uint64_t value)
{
	char digits[12] = "";

	put(w, before);
	put_bytes(w, digits, path_format_number((unsigned)value, digits));
}

static void end_line(struct writer *w)
{
	w->text[w->used++] = '\n';
	sys3(__NR_write, w->fd, w->text, w->used);
	w->used = 0;
	put(w, "skyshim: coverage: ");
}

static void write_image(struct writer *w, const struct image_twin *image)
{
	const uint32_t *m = image->head.methods;
	char *path = (char *)thread_current()->iov;
	size_t len = procmaps_image_path(image, path);

	put(w, "twin ");
	put_bytes(w, len ? path : "(unknown file)", len ? len : 14);
	put_number(w, " sites=", image->head.site_count);
	put_number(w, " before=", m[TWIN_BEFORE]);
	put_number(w, " after=", m[TWIN_AFTERWARDS]);
	put_number(w, " around=", m[TWIN_AROUND]);
	put_number(w, " hop=", m[TWIN_HOP]);
	put_number(w, " left=", image->head.left);
	put_number(w, " unproven=", image->head.unproven);
	end_line(w);
}

static unsigned count_sites(void)
{
	unsigned n = 0;

	while (n < SITES_MAX && __atomic_load_n(&sites[n], __ATOMIC_RELAXED))
		n++;
	return n;
}

static void write_all(struct writer *w)
{
	unsigned twins = 0;

	for (struct image_twin *i = image_next(NULL); i; i = image_next(i))
		twins++;
	put(w, "skyshim: coverage: ");
	put_number(w, "pid=", (uint64_t)sys0(__NR_getpid));
	put(w, " program=");
	put(w, exename());
	put(w, !rt.armed	 ? " mechanism=jumps"
	       : filter_wanted() ? " mechanism=jumps+filter"
				 : " mechanism=jumps+trap");
	put_number(w, " twins=", twins);
	put_number(w, " sites_trapped=", count_sites());
	put_number(w, " traps=", traps);
	end_line(w);
	for (struct image_twin *i = image_next(NULL); i; i = image_next(i))
		write_image(w, i);
	for (uint32_t i = 0; i < reason_count && i < REASONS_MAX; i++) {
		put(w, reasons[i].covered == REPORT_REFUSED ? "refused: "
		       : reasons[i].covered		    ? "trap because of "
							    : "NOT COVERED: ");
		put(w, reasons[i].what);
		end_line(w);
	}
}

void report_write(void)
{
	struct writer w = {.fd = 2};
	long fd = -1;

	if (!rt.handoff.report)
		return;
	if (strcmp(rt.handoff.report, "-") != 0) {
		fd = sys3(__NR_open, rt.handoff.report, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
			  0666);
		if (fd < 0)
			return;
		w.fd = (int)fd;
	}
	write_all(&w);
	if (fd >= 0)
		sys1(__NR_close, fd);
}
