/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the trap is a seccomp filter, a trampoline's own syscall would trap: it does not stand at
 * the runtime's home. So in such a process each trampoline is changed when it is mapped: at pass,
 * instead of the selector and the syscall,
 *
 *	mov $(pass, from the image's first trampoline), %ecx
 *	jmp hub
 *
 * and behind the last trampoline, once for an image,
 *
 *	hub:	lea first(%rip), %r11; lea (%r11, %rcx), %rcx; jmp *%gs:THREAD_FAR
 *
 * which goes to gate_far (start.S), where the call is made; that goes on at the trampoline's after.
 */
#ifndef INTERCEPT_FARTHER_H
#define INTERCEPT_FARTHER_H

#include "intercept/image.h"

/* How trampolines are to be mapped first. */
int farther_protection(void);
/* Changes them, if that is needed, and makes them executable. Where there is no room for the hub
 * they stay as they are, and trap. */
void farther_make(const struct image_twin *i);
/* If uc stands in a hub: to pass of the trampoline it came from. */
void farther_leave(struct kucontext *uc);

#endif
