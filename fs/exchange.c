/* SPDX-License-Identifier: Apache-2.0 */
/* renameat2(RENAME_EXCHANGE): what may change places, as Linux has it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/change.h"
#include "fs/moveexchange.h"

/* Is there a name, of the kind that its slash says? */
static int look(struct lookup *q, bool has_slash, bool *is_dir, struct wire_attr *attr)
{
	int ret;

	q->must_be_dir = false;
	ret = lookup_stat(q, attr);
	if (ret)
		return ret;
	*is_dir = S_ISDIR(attr->mode);
	return has_slash && !*is_dir ? -ENOTDIR : 0;
}

static bool is_above(const struct lookup *a, const struct lookup *b)
{
	char prefix[NAME_OBJECT_MAX], object[NAME_OBJECT_MAX];

	name_prefix(&a->name, prefix);
	name_object(&b->name, object);
	return !strncmp(object, prefix, strlen(prefix));
}

/* A file and a directory change places by both having one name for a while, which only keys can. */
static int check_kinds(const struct moveexchange *x)
{
	const struct lookup *dir = x->q[x->is_dir[0] ? 0 : 1];
	enum store_names names = store_names(dir->ctx, dir->name.scheme, dir->name.bucket);
	char prefix[NAME_OBJECT_MAX], scheme[8], bucket[256];
	struct store_call call = {
		.verb = STORE_HEAD,
		.ctx = dir->ctx,
		.scheme = dir->name.scheme,
		.bucket = dir->name.bucket,
	};

	if (x->is_dir[0] == x->is_dir[1])
		return 0;
	name_prefix(&dir->name, prefix);
	call.key = name_split(prefix, scheme, bucket);
	if (names == STORE_NAMES_UNKNOWN) { /* such a HEAD finds that out */
		(void)store_run(&call);
		names = call.names;
		store_call_reset(&call);
	}
	return names == STORE_NAMES_FLAT ? 0 : -EINVAL;
}

/* May they, both being there? *is_same: there is nothing to do. */
static int check(const struct moveexchange *x, bool *is_same)
{
	const struct lookup *a = x->q[0], *b = x->q[1];
	char one[NAME_OBJECT_MAX], other[NAME_OBJECT_MAX];
	int ret;

	if (a->name.kind != NAME_KEY || b->name.kind != NAME_KEY)
		return -EBUSY;
	if (!lookup_same_store(a, b))
		return -EXDEV;
	name_object(&a->name, one);
	name_object(&b->name, other);
	*is_same = !strcmp(one, other) && x->is_dir[0] == x->is_dir[1];
	if (*is_same)
		return 0;
	if ((x->is_dir[0] && is_above(a, b)) || (x->is_dir[1] && is_above(b, a)) ||
	    a->name.is_pieces || b->name.is_pieces || !strcmp(one, other))
		return -EINVAL;
	ret = check_kinds(x);
	if (!ret)
		ret = name_storable(&b->name, x->is_dir[0]);
	return ret ? ret : name_storable(&a->name, x->is_dir[1]);
}

static int exchange(struct moveexchange *x, unsigned slashes)
{
	struct wire_attr attr[2];
	bool is_same = false;
	int ret = 0;

	for (unsigned i = 0; i < 2 && !ret; i++) {
		ret = look(x->q[i], slashes >> i & 1, &x->is_dir[i], &attr[i]);
		if (ret && i)
			memcpy(x->q[0]->message, x->q[1]->message, sizeof(x->q[1]->message));
	}
	if (!ret)
		ret = check(x, &is_same);
	/* nor is there for two names of one file */
	is_same |= !ret && S_ISREG(attr[0].mode) && attr[0].nlink > 1 && attr[0].ino == attr[1].ino;
	return ret || is_same ? ret : moveexchange(x);
}

int change_exchange(struct lookup *from, struct lookup *to, unsigned slashes, uint64_t number)
{
	struct moveexchange x = {.q = {from, to}, .number = number};
	int ret;

	from->message[0] = '\0';
	if (moveexchange_again(number, &ret))
		return ret;
	return exchange(&x, slashes);
}
