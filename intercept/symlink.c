/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel resolves links itself and stops with ENOENT at one that points to /cloud/…, since
 * there is nothing. Only then, which is rare, is the name walked here: component by component, each
 * link's text put in front of what is left, until the text so far lies in the root.
 */
#include "intercept/symlink.h"

#include <errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <string.h>

#include "intercept/thread.h"

#define LINKS_MAX 40 /* as the kernel: MAXSYMLINKS */

/* A name walked so far, and what is left of it. */
struct walk {
	char done[WIRE_PATH_MAX]; /* "" or "dir/sub": openable relative to dirfd, or absolute */
	size_t len;
	char rest[WIRE_PATH_MAX];
};

/* Is there any symbolic link in the way? Asked once, so that a plain missing file costs two calls.
 */
static bool has_links(int dirfd, const char *name)
{
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW, .resolve = RESOLVE_NO_SYMLINKS};
	long fd = sys4(__NR_openat2, dirfd, name, &how, sizeof(how));

	if (fd >= 0)
		sys1(__NR_close, fd);
	return fd == -ELOOP || fd >= 0; /* opened: the last component itself may be the link */
}

/* Puts text in front of the rest. */
static bool push_rest(struct walk *w, const char *text, size_t len)
{
	size_t rest = strlen(w->rest);

	if (len + 1 + rest + 1 > sizeof(w->rest))
		return false;
	/* No slash where none was: it would ask for a directory. */
	memmove(w->rest + len + (rest > 0), w->rest, rest + 1);
	memcpy(w->rest, text, len);
	if (rest)
		w->rest[len] = '/';
	return true;
}

/* Appends the next component of the rest to done. Its length, 0 at the end, -1 if it does not fit.
 */
static long step(struct walk *w)
{
	char *at = w->rest;
	size_t n;

	while (*at == '/')
		at++;
	n = strcspn(at, "/");
	if (!n)
		return 0;
	if (w->len + 1 + n + 1 > sizeof(w->done))
		return -1;
	if (w->len && w->done[w->len - 1] != '/')
		w->done[w->len++] = '/';
	memcpy(w->done + w->len, at, n);
	w->len += n;
	w->done[w->len] = '\0';
	at += n;
	memmove(w->rest, at, strlen(at) + 1);
	return (long)n;
}

/* done ends in a link whose text is target: replaces it. */
static bool follow(struct walk *w, size_t component, const char *target, size_t len)
{
	if (!push_rest(w, target, len))
		return false;
	if (target[0] == '/')
		w->len = 1;
	else
		w->len -= component;
	w->done[0] = target[0] == '/' ? '/' : w->done[0];
	w->done[w->len] = '\0';
	return true;
}

/* Does done (absolute) with the rest lie in the clouds? */
static int decide(struct walk *w, struct vpath *out)
{
	char *whole = (char *)thread_current()->iov;
	size_t rest = strlen(w->rest);

	if (w->done[0] != '/' || w->len + 1 + rest + 1 > WIRE_PATH_MAX)
		return 0;
	memcpy(whole, w->done, w->len);
	whole[w->len] = '/';
	memcpy(whole + w->len + 1, w->rest, rest + 1);
	return vpath_resolve(rt.handoff.root, NULL, whole, out) == 1;
}

int symlink_leads_to_cloud(int dirfd, char *name, bool nofollow, struct vpath *out)
{
	char *target = (char *)thread_current()->iov + WIRE_PATH_MAX;
	struct walk w = {.len = 0};
	int links = 0;

	if (!has_links(dirfd, name))
		return 0;
	if (name[0] == '/')
		w.done[w.len++] = '/';
	memcpy(w.rest, name, strlen(name) + 1);

	for (;;) {
		long component = step(&w);
		long n;

		if (component <= 0)
			return 0;
		if (nofollow && !w.rest[0])
			return 0;
		n = sys4(__NR_readlinkat, dirfd, w.done, target, WIRE_PATH_MAX - 1);
		if (n == -EINVAL)
			continue; /* a directory or file */
		if (n <= 0 || ++links > LINKS_MAX)
			return 0;
		target[n] = '\0';
		if (!follow(&w, (size_t)component, target, (size_t)n))
			return 0;
		if (target[0] == '/' && decide(&w, out))
			return 1;
	}
}

int symlink_redirect(struct thread *t, uint64_t slot, const char *text)
{
	size_t len = strlen(text);
	bool must_be_dir;

	if (slot >= sizeof(t->redirect) / sizeof(t->redirect[0]))
		return -EIO;
	must_be_dir = t->path[slot].must_be_dir;
	if (len + must_be_dir + 1 > sizeof(t->redirect[slot]))
		return -ENAMETOOLONG;
	if (++t->links > LINKS_MAX)
		return -ELOOP;
	memcpy(t->redirect[slot], text, len + 1);
	if (must_be_dir)
		memcpy(t->redirect[slot] + len, "/", 2);
	t->redirected[slot] = true;
	return -WIRE_ELINK;
}

void symlink_forget(struct thread *t)
{
	t->redirected[0] = t->redirected[1] = false;
	t->links = 0;
}
