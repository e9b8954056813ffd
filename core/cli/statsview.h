/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of `skyshim stats` (docs/stats.md), otherwise: for people, and for Prometheus. */
#ifndef CORE_CLI_STATSVIEW_H
#define CORE_CLI_STATSVIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* root: all, or with is_job one job. */
void statstext_print(FILE *out, json_t *root, bool is_job);

/* Text exposition format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */
void prometheus_print(FILE *out, const json_t *root, bool is_job);

/* An integer or a string at a path like "stores.s3.bytes_in" of names without points; 0 and "" when
 * there is none. */
uint64_t stats_number(const json_t *object, const char *path);
const char *stats_string(const json_t *object, const char *path);
const json_t *stats_at(const json_t *object, const char *path);

#endif
