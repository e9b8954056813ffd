/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of a cloud file that meet a full disk. What lies there is a cache, so most of it can go:
 * the daemon is asked to make room, and the call is tried again for as long as that helps.
 * On a private stack.
 */
#ifndef INTERCEPT_ROOM_H
#define INTERCEPT_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "intercept/vfile.h"

#define ROOM_TRIES 64 /* of one call: other programs may take what room was made */

/* ret is what the kernel said to a change of vf by length bytes, the tries-th time, from 0. Is it
 * worth another try? False at once when it was no full disk. Why there is none was said. */
bool room_made(const struct vfile *vf, long ret, uint64_t length, unsigned tries);

/* A write to fd was answered short, by rest bytes: for want of room? */
bool room_is_short(int fd, uint64_t rest);

#endif
