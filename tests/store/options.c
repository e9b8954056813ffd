/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: see options.h. */
#include "tests/store/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/admin.h"
#include "tests/store/bucket.h"
#include "tests/store/faults.h"
#include "tests/store/import.h"
#include "tests/store/s3_lacks.h"
#include "tests/store/settings.h"

#define PEM_BYTES_MAX  (1 << 20)
#define DEFERRED_MAX   256 /* --data and --bucket, which need --region first */
#define DEFAULT_KEY    "skyshimtest"
#define DEFAULT_SECRET "skyshimtestsecret"
#define DEFAULT_TOKEN  "test-token"

static const char help[] =
	"usage: skyshim-teststore [OPTION...]\n"
	"An S3, GCS and Azure Blob server for tests: in memory, strict about signatures, wrong on "
	"request.\n"
	"\n"
	"Where\n"
	"  --listen ADDRESS        numeric address (127.0.0.1)\n"
	"  --port PORT             0 chooses a free one (0)\n"
	"  --port-file FILE        written, complete, once requests are answered\n"
	"  --tls-cert FILE         PEM; with --tls-key FILE: HTTPS\n"
	"  --domain NAME           virtual-host style is BUCKET.NAME (localhost)\n"
	"Who\n"
	"  --access-key KEY        then --secret-key SECRET, and --session-token TOKEN if one is\n"
	"                          wanted; may be repeated (" DEFAULT_KEY ", " DEFAULT_SECRET ")\n"
	"  --denied-key KEY:SECRET signs well, gets 403 AccessDenied for everything\n"
	"  --denied-bucket NAME    403 AccessDenied for everybody\n"
	"  --anonymous NAME[:rw]   bucket that may be read (and written) without a signature\n"
	"  --region NAME           of new buckets (us-east-1)\n"
	"  --strict-region         refuse a signature for another region than the bucket's\n"
	"  --clock-offset-s N      the store's clock is N seconds ahead\n"
	"Google Cloud Storage\n"
	"  --gcs                   speak its JSON API as well; S3's language stands for its XML "
	"API\n"
	"  --token TOKEN           that bearers may have; may be repeated (" DEFAULT_TOKEN ")\n"
	"  --token-secret SECRET   accept tokens signed with it, until they expire (see "
	"bearer.h)\n"
	"  --requester-pays NAME   bucket that needs the parameter userProject\n"
	"  --rewrite-kb N          of one call of rewrite (no limit)\n"
	"Azure Blob Storage\n"
	"  --azure                 speak its language as well, below /ACCOUNT, as emulators have "
	"it\n"
	"  --azure-account NAME:KEY  its account and key, in base64 (the one that emulators have)\n"
	"  --azure-hierarchical    the account has a hierarchical namespace (Data Lake Storage "
	"Gen2)\n"
	"What\n"
	"  --bucket NAME[@REGION]  make a bucket\n"
	"  --data [BUCKET=]DIR     import a directory tree as a bucket\n"
	"  --generate BUCKET/KEY=BYTES  an object that costs no memory\n"
	"  --discard               forget the bytes of what is uploaded: others of that length\n"
	"                          stand for them\n"
	"  --min-part-kb N         smallest part of a multipart upload but the last (5120)\n"
	"  --lacks WORD            be a store that only resembles S3; may be repeated: "
	"conditions,\n"
	"                          batch-delete, ... (s3_lacks.h)\n"
	"How slow, how wrong\n"
	"  --latency-ms N          before each answer's first byte\n"
	"  --bandwidth-kbs N       kB/s (1000 bytes) per connection and direction\n"
	"  --fault RULE            may be repeated; KIND[,rate=R][,seed=N][,verb=V][,count=N]\n"
	"                          [,skip=N][,at=BYTES][,ms=N][,retry-after=S][,key=GLOB]\n"
	"                          KIND: slowdown internal denied expired ok-error mute deaf\n"
	"                          reset truncate stall corrupt slow-headers cut wrong-etag;\n"
	"                          V a verb (GetObject) or method (GET); GLOB on BUCKET/KEY, last\n"
	"\n"
	"Under /_admin/, from this machine, without signature: GET stats, log, config, sha256;\n"
	"POST reset, config, generate. SIGTERM stops it.\n"
	"\n"
	"Examples\n"
	"  skyshim-teststore --port 9000 --data media=/srv/films --latency-ms 20\n"
	"  AWS_ACCESS_KEY_ID=" DEFAULT_KEY " AWS_SECRET_ACCESS_KEY=" DEFAULT_SECRET " \\\n"
	"      aws --endpoint-url http://127.0.0.1:9000 s3 ls s3://media/\n"
	"  skyshim-teststore --port 9000 --fault slowdown,rate=0.05,seed=7,retry-after=1 \\\n"
	"      --fault 'truncate,verb=GetObject,count=2,key=media/*.mp4'\n"
	"  curl -d 'bucket=data&key=big&size=53687091200' http://127.0.0.1:9000/_admin/generate\n"
	"  curl -d 'bucket=data&prefix=src/&count=75000&size=4096&fanout=100' \\\n"
	"      http://127.0.0.1:9000/_admin/generate\n"
	"  curl -d 'latency_ms=20&bandwidth_kbs=90000' http://127.0.0.1:9000/_admin/config\n"
	"  curl --data-urlencode 'fault=internal,verb=HeadObject,count=3' \\\n"
	"      http://127.0.0.1:9000/_admin/config\n"
	"  curl http://127.0.0.1:9000/_admin/stats\n";

enum option_id {
	OPT_HELP = 'h',
	OPT_VERSION = 256,
	OPT_LISTEN,
	OPT_PORT,
	OPT_PORT_FILE,
	OPT_TLS_CERT,
	OPT_TLS_KEY,
	OPT_DOMAIN,
	OPT_ACCESS_KEY,
	OPT_SECRET_KEY,
	OPT_SESSION_TOKEN,
	OPT_DENIED_KEY,
	OPT_DENIED_BUCKET,
	OPT_ANONYMOUS,
	OPT_REGION,
	OPT_STRICT_REGION,
	OPT_CLOCK_OFFSET,
	OPT_BUCKET,
	OPT_DATA,
	OPT_GENERATE,
	OPT_MIN_PART,
	OPT_LATENCY,
	OPT_BANDWIDTH,
	OPT_FAULT,
	OPT_DISCARD,
	OPT_GCS,
	OPT_TOKEN,
	OPT_TOKEN_SECRET,
	OPT_REQUESTER_PAYS,
	OPT_REWRITE,
	OPT_AZURE,
	OPT_AZURE_ACCOUNT,
	OPT_AZURE_TREE,
	OPT_LACKS,
};

static const struct option options[] = {
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"port", required_argument, NULL, OPT_PORT},
	{"port-file", required_argument, NULL, OPT_PORT_FILE},
	{"tls-cert", required_argument, NULL, OPT_TLS_CERT},
	{"tls-key", required_argument, NULL, OPT_TLS_KEY},
	{"domain", required_argument, NULL, OPT_DOMAIN},
	{"access-key", required_argument, NULL, OPT_ACCESS_KEY},
	{"secret-key", required_argument, NULL, OPT_SECRET_KEY},
	{"session-token", required_argument, NULL, OPT_SESSION_TOKEN},
	{"denied-key", required_argument, NULL, OPT_DENIED_KEY},
	{"denied-bucket", required_argument, NULL, OPT_DENIED_BUCKET},
	{"anonymous", required_argument, NULL, OPT_ANONYMOUS},
	{"region", required_argument, NULL, OPT_REGION},
	{"strict-region", no_argument, NULL, OPT_STRICT_REGION},
	{"clock-offset-s", required_argument, NULL, OPT_CLOCK_OFFSET},
	{"bucket", required_argument, NULL, OPT_BUCKET},
	{"data", required_argument, NULL, OPT_DATA},
	{"generate", required_argument, NULL, OPT_GENERATE},
	{"min-part-kb", required_argument, NULL, OPT_MIN_PART},
	{"latency-ms", required_argument, NULL, OPT_LATENCY},
	{"bandwidth-kbs", required_argument, NULL, OPT_BANDWIDTH},
	{"fault", required_argument, NULL, OPT_FAULT},
	{"discard", no_argument, NULL, OPT_DISCARD},
	{"gcs", no_argument, NULL, OPT_GCS},
	{"token", required_argument, NULL, OPT_TOKEN},
	{"token-secret", required_argument, NULL, OPT_TOKEN_SECRET},
	{"requester-pays", required_argument, NULL, OPT_REQUESTER_PAYS},
	{"rewrite-kb", required_argument, NULL, OPT_REWRITE},
	{"azure", no_argument, NULL, OPT_AZURE},
	{"azure-account", required_argument, NULL, OPT_AZURE_ACCOUNT},
	{"azure-hierarchical", no_argument, NULL, OPT_AZURE_TREE},
	{"lacks", required_argument, NULL, OPT_LACKS},
	{NULL, 0, NULL, 0},
};

/* Options that act on the finished settings. */
static struct {
	int id;
	const char *value;
} deferred[DEFERRED_MAX];
static size_t deferred_count;

static bool number(const char *text, long low, long high, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	return !errno && end != text && !*end && *out >= low && *out <= high;
}

static bool text(char *out, size_t bytes, const char *value)
{
	return (size_t)snprintf(out, bytes, "%s", value) < bytes;
}

/* A whole file as text; lives as long as the program. NULL: cannot. */
static const char *file_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *data = calloc(1, PEM_BYTES_MAX);

	if (!file || !data || !fread(data, 1, PEM_BYTES_MAX - 1, file)) {
		free(data);
		data = NULL;
	}
	if (file)
		fclose(file);
	return data;
}

static bool add_name(struct settings_buckets *list, const char *name)
{
	if (list->count == SETTINGS_BUCKETS_MAX)
		return false;
	list->names[list->count++] = name;
	return true;
}

static bool add_anonymous(const char *value)
{
	char *name = strdup(value);
	char *mode = name ? strchr(name, ':') : NULL;

	if (!name || (mode && strcmp(mode, ":rw") != 0)) {
		free(name);
		return false;
	}
	if (mode)
		*mode = '\0';
	return add_name(mode ? &settings.anon_write : &settings.anon_read, name);
}

static struct settings_key *new_key(void)
{
	return settings.key_count < SETTINGS_KEYS_MAX ? &settings.keys[settings.key_count++] : NULL;
}

/* The pair that the last --access-key began. */
static struct settings_key *last_key(void)
{
	return settings.key_count ? &settings.keys[settings.key_count - 1] : NULL;
}

static bool add_denied_key(const char *value)
{
	struct settings_key *k = new_key();
	const char *colon = strchr(value, ':');

	if (!k || !colon || (size_t)(colon - value) >= sizeof(k->access_key))
		return false;
	memcpy(k->access_key, value, (size_t)(colon - value));
	k->denied = true;
	return text(k->secret_key, sizeof(k->secret_key), colon + 1);
}

static bool set_key(int id, const char *value)
{
	struct settings_key *k;

	switch (id) {
	case OPT_ACCESS_KEY:
		k = new_key();
		return k && text(k->access_key, sizeof(k->access_key), value);
	case OPT_SECRET_KEY:
		k = last_key();
		return k && text(k->secret_key, sizeof(k->secret_key), value);
	case OPT_SESSION_TOKEN:
		k = last_key();
		return k && text(k->session_token, sizeof(k->session_token), value);
	default:
		return add_denied_key(value);
	}
}

static bool set_number(int id, const char *value)
{
	long n;

	switch (id) {
	case OPT_PORT:
		if (!number(value, 0, UINT16_MAX, &n))
			return false;
		settings.port = (uint16_t)n;
		return true;
	case OPT_CLOCK_OFFSET:
		if (!number(value, -1000000000, 1000000000, &n))
			return false;
		settings.clock_offset_s = (int)n;
		return true;
	default:
		if (!number(value, 0, 5 << 20, &n))
			return false;
		settings.part_bytes_min = (uint64_t)n << 10;
		return true;
	}
}

static bool defer(int id, const char *value)
{
	if (deferred_count == DEFERRED_MAX)
		return false;
	deferred[deferred_count].id = id;
	deferred[deferred_count++].value = value;
	return true;
}

static bool set_gcs(int id, const char *value)
{
	long n;

	switch (id) {
	case OPT_GCS:
		settings.gcs = true;
		return true;
	case OPT_TOKEN:
		if (settings.token_count == SETTINGS_TOKENS_MAX)
			return false;
		settings.tokens[settings.token_count++] = value;
		return true;
	case OPT_TOKEN_SECRET:
		settings.token_secret = value;
		return true;
	case OPT_REQUESTER_PAYS:
		return add_name(&settings.requester_pays, value);
	default:
		if (!number(value, 1, 1 << 30, &n))
			return false;
		settings.rewrite_bytes = (uint64_t)n << 10;
		return true;
	}
}

static bool set_azure_account(const char *value)
{
	char *name = strdup(value);
	char *colon = name ? strchr(name, ':') : NULL;

	if (!colon || colon == name || !colon[1]) {
		free(name);
		return false;
	}
	*colon = '\0';
	settings.azure_account = name;
	settings.azure_key = colon + 1;
	return true;
}

static bool set(int id, const char *value, const char **why)
{
	switch (id) {
	case OPT_LISTEN:
		settings.listen = value;
		return true;
	case OPT_PORT_FILE:
		settings.port_file = value;
		return true;
	case OPT_TLS_CERT:
		settings.tls_cert = file_text(value);
		return settings.tls_cert != NULL;
	case OPT_TLS_KEY:
		settings.tls_key = file_text(value);
		return settings.tls_key != NULL;
	case OPT_DOMAIN:
		settings.domain = value;
		return true;
	case OPT_REGION:
		settings.region = value;
		return strlen(value) < BUCKET_REGION_BYTES;
	case OPT_STRICT_REGION:
		settings.strict_region = true;
		return true;
	case OPT_DENIED_BUCKET:
		return add_name(&settings.denied, value);
	case OPT_ANONYMOUS:
		return add_anonymous(value);
	case OPT_LATENCY:
		return !admin_set("latency_ms", value, why);
	case OPT_BANDWIDTH:
		return !admin_set("bandwidth_kbs", value, why);
	case OPT_LACKS:
		return s3_lacks_add(value);
	case OPT_DISCARD:
		settings.discards = true;
		return true;
	case OPT_FAULT:
		return !admin_set("fault", value, why);
	case OPT_PORT:
	case OPT_CLOCK_OFFSET:
	case OPT_MIN_PART:
		return set_number(id, value);
	case OPT_BUCKET:
	case OPT_DATA:
	case OPT_GENERATE:
		return defer(id, value);
	case OPT_GCS:
	case OPT_TOKEN:
	case OPT_TOKEN_SECRET:
	case OPT_REQUESTER_PAYS:
	case OPT_REWRITE:
		return set_gcs(id, value);
	case OPT_AZURE:
		settings.azure = true;
		return true;
	case OPT_AZURE_TREE:
		settings.azure = settings.azure_tree = true;
		return true;
	case OPT_AZURE_ACCOUNT:
		return set_azure_account(value);
	default:
		return set_key(id, value);
	}
}

static bool make_bucket(const char *value)
{
	char name[BUCKET_NAME_BYTES];
	const char *at = strchr(value, '@');
	size_t len = at ? (size_t)(at - value) : strlen(value);
	int err;

	if (len >= sizeof(name))
		return false;
	memcpy(name, value, len);
	name[len] = '\0';
	err = bucket_create(name, at ? at + 1 : settings.region);
	return !err || err == -EEXIST;
}

/* BUCKET/KEY=BYTES */
static bool generate(const char *value)
{
	char *copy = strdup(value);
	char *size = copy ? strrchr(copy, '=') : NULL;
	char *key = copy ? strchr(copy, '/') : NULL;
	struct admin_tree t = {.bucket = copy, .suffix = "", .levels = 1};
	long bytes;
	bool ok = size && key && key < size && number(size + 1, 0, INT64_MAX, &bytes);

	if (ok) {
		*size = '\0';
		*key++ = '\0';
		t.prefix = key;
		t.size = (uint64_t)bytes;
		ok = admin_generate(&t) == 0;
	}
	free(copy);
	return ok;
}

static bool run_deferred(void)
{
	for (size_t i = 0; i < deferred_count; i++) {
		const char *value = deferred[i].value;
		bool ok;

		if (deferred[i].id == OPT_DATA)
			ok = import_tree(value) == 0; /* has said why not */
		else
			ok = deferred[i].id == OPT_BUCKET ? make_bucket(value) : generate(value);
		if (!ok) {
			fprintf(stderr, "skyshim-teststore: cannot make \"%s\"\n", value);
			return false;
		}
	}
	return true;
}

static bool check(void)
{
	if (!settings.tls_cert != !settings.tls_key) {
		fprintf(stderr, "skyshim-teststore: --tls-cert and --tls-key go together\n");
		return false;
	}
	for (size_t i = 0; i < settings.key_count; i++) {
		if (settings.keys[i].secret_key[0])
			continue;
		fprintf(stderr, "skyshim-teststore: --access-key %s needs a --secret-key\n",
			settings.keys[i].access_key);
		return false;
	}
	if (!settings.key_count) {
		set_key(OPT_ACCESS_KEY, DEFAULT_KEY);
		set_key(OPT_SECRET_KEY, DEFAULT_SECRET);
	}
	if (!settings.token_count)
		set_gcs(OPT_TOKEN, DEFAULT_TOKEN);
	return true;
}

int options_parse(int argc, char **argv)
{
	int id, index = 0;

	while ((id = getopt_long(argc, argv, "h", options, &index)) != -1) {
		const char *why = "bad, missing or one too many";

		if (id == '?')
			return -1;
		if (id == OPT_HELP || id == OPT_VERSION) {
			fputs(id == OPT_HELP ? help : "skyshim-teststore " SKYSHIM_VERSION "\n",
			      stdout);
			return 1;
		}
		if (!set(id, optarg, &why)) {
			fprintf(stderr, "skyshim-teststore: --%s %s: %s\n", options[index].name,
				optarg ? optarg : "", why);
			return -1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "skyshim-teststore: %s: no operands are taken; see --help\n",
			argv[optind]);
		return -1;
	}
	return check() && run_deferred() ? 0 : -1;
}
