/* SPDX-License-Identifier: Apache-2.0 */
/* The user's configuration: what it becomes, and what is said of a wrong one. */
#include "core/settings.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char dir[] = "/tmp/skyshim-test-XXXXXX";
static char message[SETTINGS_MESSAGE_BYTES];
static struct settings settings;
static unsigned count; /* of settings of realms */

static int load(const char *text)
{
	char path[64];
	FILE *out;
	int ret;

	strcpy(dir, "/tmp/skyshim-test-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	setenv("XDG_CONFIG_HOME", dir, 1);
	snprintf(path, sizeof(path), "%s/skyshim", dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/skyshim/config", dir);
	if (text) {
		out = fopen(path, "w");
		cr_assert_not_null(out);
		fputs(text, out);
		fclose(out);
	}
	ret = settings_read("/cloud", &settings, message);
	cr_assert_str_eq(settings.path, path);
	snprintf(path, sizeof(path), "rm -rf %s", dir);
	cr_assert_eq(system(path), 0);
	count = 0;
	for (const struct realm_rule *r = settings.realms; r; r = r->next)
		count++;
	realm_free(settings.realms);
	return ret;
}

static void wrong(const char *text, const char *said)
{
	cr_assert_eq(load(text), -EINVAL, "%s", text);
	cr_assert_not_null(strstr(message, said), "%s", message);
}

Test(core_settings, without_a_file_all_is_as_usual)
{
	cr_assert_eq(load(NULL), 0);
	cr_assert_str_eq(settings.durability, "close");
	cr_assert_eq(load("# nothing\n\n"), 0);
	cr_assert_str_eq(settings.durability, "close");
	cr_assert_eq(settings.memory_cap, 0);
	cr_assert_eq(load("memory_cap = 256M\n[s3://b]\nregion = x\n"), 0);
	cr_assert_eq(settings.memory_cap, UINT64_C(256) << 20);
	wrong("memory_cap = 15M\n",
	      "/config:1: memory_cap = 15M: write a size like 256M; at least 16M");
	wrong("[s3://b]\nmemory_cap = 64M\n", "write it before the first [section]");
	cr_assert_eq(load(NULL), 0);
	cr_assert_eq(settings.io_threads, 0);
	cr_assert_eq(load("io_threads = 16\n"), 0);
	cr_assert_eq(settings.io_threads, 16);
	wrong("io_threads = 17\n", "/config:1: io_threads = 17: write a number from 1 to 16");
	wrong("io_threads = 0\n", "write a number from 1 to 16");
	wrong("io_threads = -1\n", "write a number from 1 to 16");
	wrong("io_threads = 2x\n", "write a number from 1 to 16");
	wrong("[s3://b]\nio_threads = 2\n", "write it before the first [section]");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	cr_assert_eq(settings_read("/cloud", &settings, message), 0);
	cr_assert_str_eq(settings.path, "");
}

Test(core_settings, durability_by_path)
{
	cr_assert_eq(load("durability = exit\n[/cloud/s3/b//x/../log/]\ndurability=fsync ; often\n"
			  "[s3://c]\ndurability = close\n"),
		     0);
	cr_assert_str_eq(settings.durability, "exit\ts3/b/log\tfsync\ts3/c\tclose");
	cr_assert_eq(load("[/cloud]\ndurability = exit\n"), 0);
	cr_assert_str_eq(settings.durability, "close\t\texit");
}

Test(core_settings, modes_by_path)
{
	cr_assert_eq(load(NULL), 0);
	cr_assert_str_eq(settings.enforce_mode, "0");
	cr_assert_eq(load("enforce_mode = 1\n[s3://b/x]\nenforce_mode = 0\ndurability = exit\n"),
		     0);
	cr_assert_str_eq(settings.enforce_mode, "1\ts3/b/x\t0");
	cr_assert_str_eq(settings.durability, "close\ts3/b/x\texit", "each has its own rules");
	wrong("enforce_mode = yes\n", "config:1: enforce_mode = yes: it is 0 or 1");
}

Test(core_settings, what_is_wrong_is_told)
{
	char many[16000] = "";

	wrong("durability = soon\n", "skyshim/config:1: durability = soon: it is close, exit or");
	wrong("\n\n[/etc]\ndurability = exit\n", "config:4: [/etc]: write the path of a folder");
	wrong("[bucket]\ndurability = exit\n", "config:2: [bucket]: write the path");
	wrong("cache = 5\n", "config:1: cache: there is no such setting; there are: durability");
	wrong("[/cloud/s3/b\n", "config:1: this is no setting");
	wrong("durability\n", "config:1: this is no setting");
	for (int i = 0; i < 300; i++)
		sprintf(many + strlen(many), "[s3://bucket-%d]\ndurability = exit\n", i);
	wrong(many, "there are too many paths");
}

Test(core_settings, what_holds_for_a_bucket)
{
	cr_assert_eq(load("[s3://b]\nprofile = dev\nendpoint = http://h:1\nregion = eu-1\n"
			  "addressing = path\nanonymous = no\nrequester_pays = yes\n"
			  "[/cloud/s3/c/]\nencryption = aws:kms\nkms_key = alias/k\n"
			  "bucket_key = 1\n"
			  "durability = exit\n[s3://]\nca_bundle = ~/ca.pem\n"
			  "[az://account/container]\nclient_cert = /c.pem\nclient_key = /k.pem\n"
			  "http2 = true\n"),
		     0, "%s", message);
	cr_assert_eq(count, 13);
	cr_assert_str_eq(settings.durability, "close\ts3/c\texit");
}

Test(core_settings, what_is_wrong_of_a_bucket)
{
	wrong("profile = dev\n", "config:1: profile = dev: write it below [s3://BUCKET]");
	wrong("[s3://b/folder]\nprofile = dev\n", "config:2: profile = dev: it holds for a bucket");
	wrong("[/cloud]\nprofile = dev\n", "config:2: profile = dev: it holds for a bucket");
	wrong("[az://a/c]\nprofile = dev\n", "config:2: profile = dev: az has no such setting");
	wrong("[s3://b]\nanonymous = perhaps\n", "config:2: anonymous = perhaps: it is true or");
	wrong("[s3://b]\naddressing = host\n", "addressing = host: it is one of: path virtual");
	wrong("[s3://b]\naddressing = virt\n", "addressing = virt: it is one of: path virtual");
	wrong("[s3://b]\nendpoint = h:1\n", "endpoint = h:1: write http://host:port or");
	wrong("[s3://b]\nca_bundle = ca.pem\n", "write the file's path from / or ~/ on");
	wrong("[s3://b]\narn = b\n", "write arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME");
	wrong("[s3://b]\nprofile =\n", "it wants a value");
	wrong("[s3://b]\nencryption = customer\n", "config:2: encryption = customer: name the");
	wrong("[s3://b]\nkms_key = k\n", "config:2: kms_key: only with encryption = aws:kms");
	wrong("[s3://b]\nencryption = AES256\nkms_key = k\n", "config:3: kms_key: only with");
	wrong("[s3://b]\nencryption_key_file = /k\n", "only with encryption = customer");
	wrong("[s3://b]\nclient_key = /k\n", "config:2: client_key: only with client_cert");
}
