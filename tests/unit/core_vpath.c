/* SPDX-License-Identifier: Apache-2.0 */
/* core/base/vpath.c: which names are virtual, and in what form. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/base/vpath.h"

static void is_virtual(const char *dir, const char *name, const char *want, bool must_be_dir)
{
	struct vpath out;

	cr_assert_eq(vpath_resolve("/cloud", dir, name, &out), 1, "%s is not virtual", name);
	cr_assert_str_eq(out.text, want);
	cr_assert_eq(out.len, strlen(want));
	cr_assert_eq(out.must_be_dir, must_be_dir, "%s: must_be_dir", name);
}

static void is_kernels(const char *name)
{
	struct vpath out;

	cr_assert_eq(vpath_resolve("/cloud", NULL, name, &out), 0, "%s is virtual", name);
}

Test(vpath, absolute_names)
{
	is_virtual(NULL, "/cloud/s3/b/k", "s3/b/k", false);
	is_virtual(NULL, "//cloud/./s3//b/x/../k", "s3/b/k", false);
	is_virtual(NULL, "/cloud/s3/b/", "s3/b", true);
	is_virtual(NULL, "/cloud/s3/b/.", "s3/b", true);
	is_virtual(NULL, "/usr/../cloud/s3", "s3", false);
	is_virtual(NULL, "/cloud", "", false);
}

Test(vpath, uris)
{
	is_virtual(NULL, "s3://b/k", "s3/b/k", false);
	is_virtual(NULL, "s3:/b/k", "s3/b/k", false);
	is_virtual(NULL, "az://acct/c/blob", "az/acct/c/blob", false);
	is_virtual(NULL, "gs://b/o", "gs/b/o", false);
}

Test(vpath, kernel_names)
{
	is_kernels("/cloudy/x");
	is_kernels("/cloud/../etc/passwd");
	is_kernels("/etc/cloud");
	is_kernels("relative/cloud");
	is_kernels("s3:b");
	is_kernels("http://b/k");
}

Test(vpath, relative_to_a_virtual_directory)
{
	struct vpath out;

	is_virtual("s3/b/dir", "f", "s3/b/dir/f", false);
	is_virtual("s3/b/dir", "../g", "s3/b/g", false);
	cr_assert_eq(vpath_resolve("/cloud", "s3", "../../etc/hosts", &out), 0);
	cr_assert_str_eq(out.text, "/etc/hosts");
	cr_assert_eq(vpath_resolve("/cloud", "s3", "../..", &out), 0);
	cr_assert_str_eq(out.text, "/");
	cr_assert_eq(vpath_resolve("/cloud", "s3", "/tmp", &out), 0);
	cr_assert_str_eq(out.text, "/tmp");
}

static void climbs(const char *root, const char *dir, const char *name, const char *want)
{
	struct vpath out;

	cr_assert_eq(vpath_resolve(root, dir, name, &out), 0, "%s is virtual", name);
	cr_assert_str_eq(out.text, want, "%s climbs to %s", name, out.text);
	cr_assert_eq(out.len, strlen(want));
}

/* Behind the last step out of the root the kernel decides: what is a link there, it alone knows. */
Test(vpath, names_that_climb_out)
{
	struct vpath out;

	climbs("/cloud", NULL, "/cloud/..", "/");
	climbs("/cloud", NULL, "/cloud/../etc/passwd", "/etc/passwd");
	climbs("/cloud", NULL, "/cloud/s3/b/../../../etc/", "/etc/");
	climbs("/cloud", NULL, "//cloud/../link/../x", "/link/../x");
	climbs("/cloud", NULL, "/cloud/../cloud/s3/../../x", "/x");
	climbs("/mnt/cloud", NULL, "/mnt/cloud/../disk", "/mnt/disk");
	climbs("/mnt/cloud", NULL, "/mnt/cloud/s3/../../..", "/mnt/..");
	climbs("/cloud", "s3/b", "../../../link/../x", "/link/../x");
	cr_assert_eq(vpath_resolve("/cloud", NULL, "/usr/link/../cloudy", &out), 0);
	cr_assert_eq(out.len, 0, "it has never been in the root");
	cr_assert_eq(vpath_resolve("/cloud", NULL, "/usr/bin/env", &out), 0);
	cr_assert_eq(out.len, 0);
}

Test(vpath, refusals)
{
	char longest[WIRE_PATH_MAX + 32] = "/cloud/";
	struct vpath out;

	cr_assert_eq(vpath_resolve("/cloud", NULL, "", &out), -ENOENT);
	memset(longest + 7, 'x', WIRE_PATH_MAX);
	cr_assert_eq(vpath_resolve("/cloud", NULL, longest, &out), -ENAMETOOLONG);
}
