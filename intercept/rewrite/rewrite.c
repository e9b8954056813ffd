/* SPDX-License-Identifier: Apache-2.0 */
/* See rewrite.h: from proven code to the twin. */
#include "intercept/rewrite/rewrite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"
#include "intercept/rewrite/emit.h"
#include "intercept/rewrite/flow.h"
#include "intercept/rewrite/twin_write.h"

/* All that one file needs. */
struct job {
	struct image image;
	struct extents extents;
	struct flow flow;
	struct vec seen; /* positions */
	struct twin_out twin;
	struct rewrite_report report;
};

static void take_seen(struct job *job, const struct rewrite_options *options)
{
	for (size_t i = 0; options && i < options->seen_count; i++) {
		uint32_t pos = image_pos_of_offset(&job->image, options->seen[i]);

		size_t at = vec_find(&job->image.candidates, pos);

		if (at < job->image.candidates.count && job->image.candidates.item[at] == pos)
			vec_add(&job->seen, pos);
	}
	vec_sort(&job->seen);
}

static bool was_seen(const struct job *job, uint32_t pos)
{
	size_t i = vec_find(&job->seen, pos);

	return i < job->seen.count && job->seen.item[i] == pos;
}

static void note(struct job *job, uint32_t pos, uint32_t *count, uint64_t *list)
{
	if (*count < REWRITE_LISTED)
		list[*count] = image_offset(&job->image, pos);
	++*count;
}

static void note_left(struct job *job, uint32_t pos)
{
	note(job, pos, &job->report.head.left, job->report.left_at);
}

static void note_unproven(struct job *job, uint32_t pos)
{
	note(job, pos, &job->report.head.unproven, job->report.unproven_at);
}

static int replace(struct job *job, struct site_chooser *chooser, uint32_t pos)
{
	struct plan plan;
	struct trampoline tramp = {0};
	int rc;

	job->report.sites++;
	job->report.soft += (job->image.mark[pos] & MARK_SOFT) != 0;
	if (!site_choose(chooser, pos, &plan) ||
	    !emit_trampoline(&job->image, chooser->decoder, &plan, job->image.elf.high,
			     job->twin.code_bytes, &tramp) ||
	    !emit_jump(&job->image, &plan, job->image.elf.high + job->twin.code_bytes)) {
		note_left(job, pos);
		return 0;
	}
	rc = twin_out_add(&job->twin, &tramp);
	if (rc)
		return rc;
	job->report.head.methods[plan.method]++;
	job->report.numbered += plan.nr != NUMBER_UNKNOWN;
	return 0;
}

static int replace_candidate(struct job *job, struct site_chooser *chooser, uint32_t pos)
{
	const uint8_t *code = job->image.code + pos;

	job->report.candidates++;
	if (flow_in_table(&job->image, pos)) {
		job->report.tables++;
		return 0;
	}
	if (!(job->image.mark[pos] & MARK_LENGTH)) {
		/* a program that runs both ways through the same bytes: it has to trap there */
		if (flow_uncovered(&job->image, pos) || was_seen(job, pos))
			note_unproven(job, pos);
		else
			job->report.inside++;
		return 0;
	}
	if (code[0] == 0x0f && code[1] == 0x05 && site_is_sound(chooser, pos))
		return replace(job, chooser, pos);
	if (job->image.mark[pos] & MARK_SOFT)
		note_unproven(job, pos);
	else
		note_left(job, pos);
	return 0;
}

static int replace_all(struct job *job)
{
	struct site_chooser chooser = {.image = &job->image, .decoder = &job->flow.decoder};

	const struct vec *candidates = &job->image.candidates;
	int rc = 0;

	for (size_t i = 0; i < candidates->count && !rc; i++)
		rc = replace_candidate(job, &chooser, (uint32_t)candidates->item[i]);
	return rc;
}

static int find_sites(struct job *job, const struct rewrite_options *options)
{
	int rc = extents_find(&job->extents, &job->image);

	if (rc)
		return rc;
	if (job->extents.text_relocs)
		return -ENOEXEC;
	take_seen(job, options);
	rc = flow_prove(&job->flow, &job->image, &job->extents, &job->seen);
	if (rc)
		return rc;
	job->report.extents = (uint32_t)job->extents.count;
	job->report.decoded = job->flow.decoded;
	return replace_all(job);
}

static int rewrite(struct job *job, int fd, int out_fd, const struct rewrite_options *options)
{
	int rc = image_read(&job->image, fd);

	if (!rc && job->image.candidates.count)
		rc = find_sites(job, options);
	if (rc)
		return rc;
	job->report.head.unproven += job->image.other_candidates;
	return twin_out_end(&job->twin, &job->image, &job->report.head, out_fd);
}

int rewrite_file(int fd, int out_fd, const struct rewrite_options *options,
		 struct rewrite_report *report)
{
	SCOPE_FREE struct job *job = calloc(1, sizeof(*job));
	int rc;

	if (!job)
		return -ENOMEM;
	rc = rewrite(job, fd, out_fd, options);
	if (!rc && report)
		*report = job->report;
	image_free(&job->image);
	extents_free(&job->extents);
	flow_free(&job->flow);
	vec_free(&job->seen);
	twin_out_free(&job->twin);
	return rc;
}
