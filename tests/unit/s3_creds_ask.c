// SPDX-License-Identifier: Apache-2.0
/* The sources that ask somebody, against a server that answers well or badly. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/http/date.h"
#include "s3/creds/creds.h"
#include "tests/unit/creds_rig.h"
#include "tests/unit/fault_server.h"

#define RAW(text) ((struct fault_step){.kind = FAULT_RAW, .raw = (text)})
#define OK(body)  RAW("HTTP/1.1 200 OK\r\n\r\n" body)
#define KEYS                                                                                    \
	"{\"Code\":\"Success\",\"AccessKeyId\":\"ASIAEXAMPLEKEY\",\"SecretAccessKey\":\"sss\"," \
	"\"Token\":\"ttt\",\"Expiration\":\"2040-01-01T00:00:00Z\"}"
#define STS(action)                                                                          \
	"<" action "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" action   \
	"Result>"                                                                            \
	"<Credentials><AccessKeyId>ASIAEXAMPLEKEY</AccessKeyId><SecretAccessKey>sss"         \
	"</SecretAccessKey><SessionToken>ttt</SessionToken><Expiration>2040-01-01T00:00:00Z" \
	"</Expiration></Credentials></" action "Result></" action "Response>"

static char home[] = "/tmp/skyshim-home-XXXXXX";
static char env[4096];
static size_t env_bytes;
static struct creds creds;
static char message[512];

static void setup(void)
{
	char path[128];

	cr_assert_not_null(mkdtemp(home));
	snprintf(path, sizeof(path), "%s/.aws", home);
	mkdir(path, 0700);
	fault_start(0, "");
	rig_open();
}

static void teardown(void)
{
	char command[128];

	rig_close();
	fault_stop();
	config_free_all();
	context_free_all();
	snprintf(command, sizeof(command), "rm -rf %s", home);
	cr_assert_eq(system(command), 0);
}

TestSuite(s3_creds_ask, .init = setup, .fini = teardown);

/* A variable; %p in it is the server's "127.0.0.1:PORT", %h the home directory. */
static void set(const char *text)
{
	char *out = env + env_bytes;

	for (; *text; text++) {
		if (text[0] == '%' && text[1] == 'p')
			out += sprintf(out, "127.0.0.1:%u", fault.port);
		else if (text[0] == '%' && text[1] == 'h')
			out += sprintf(out, "%s", home);
		else
			*out++ = *text;
		text += text[0] == '%' && (text[1] == 'p' || text[1] == 'h');
	}
	*out++ = '\0';
	env_bytes = (size_t)(out - env);
}

static void put_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", home, name);
	file = fopen(path, "we");
	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static int find(void)
{
	struct config *config = calloc(1, sizeof(*config));
	uint8_t id[WIRE_CTX_BYTES];
	struct context *ctx;
	int ret;

	set("HOME=%h");
	cr_assert_eq(context_register(env, env_bytes, &ctx, id), 0);
	ret = config_read(ctx, config, message, sizeof(message));
	cr_assert_eq(ret, 0, "%s", message);
	while ((ret = aws_creds_get(ctx, config, &creds, message, sizeof(message))) == -EINPROGRESS)
		cr_assert(rig_await(creds.entry));
	config_wipe(config);
	free(config);
	return ret;
}

static void want_session(void)
{
	cr_assert_eq(find(), 0, "%s", message);
	cr_assert_str_eq(creds.id, "ASIAEXAMPLEKEY");
	cr_assert_str_eq(creds.secret, "sss");
	cr_assert_str_eq(creds.token, "ttt");
	cr_assert_eq(creds.expires_s, 2208988800);
	cr_assert_null(strstr(creds.source, "sss"));
	cr_assert_null(strstr(creds.tried, "sss"));
}

static void want_failure(const char *said)
{
	cr_assert_eq(find(), -EACCES);
	cr_assert_not_null(strstr(message, said), "%s", message);
	cr_assert_null(strchr(message, '\n'));
}

static bool asked(unsigned number, const char *text)
{
	return strcasestr(fault.request[number], text) != NULL;
}

/* --- instance -------------------------------------------------------------- */

static void at_instance(void)
{
	set("AWS_EC2_METADATA_SERVICE_ENDPOINT=http://%p");
	set("http_proxy=http://127.0.0.1:1"); /* not for this */
}

Test(s3_creds_ask, an_instance_gives_its_role_s_keys)
{
	at_instance();
	fault.step[0] = OK("session-token");
	fault.step[1] = OK("my-role\n");
	fault.step[2] = OK(KEYS);
	want_session();
	cr_assert_str_eq(creds.source, "instance role my-role (key ASIA...EKEY)");
	cr_assert(asked(0, "PUT /latest/api/token HTTP"));
	cr_assert(asked(0, "X-aws-ec2-metadata-token-ttl-seconds: 21600"));
	cr_assert(asked(1, "GET /latest/meta-data/iam/security-credentials/ HTTP"));
	cr_assert(asked(1, "X-aws-ec2-metadata-token: session-token"));
	cr_assert(asked(2, "GET /latest/meta-data/iam/security-credentials/my-role HTTP"));
}

Test(s3_creds_ask, where_nobody_answers_that_takes_a_second)
{
	int64_t start_ms = clock_mono_ms();

	at_instance();
	fault.step[0].kind = FAULT_SILENCE;
	want_failure("no credentials");
	cr_assert_geq(clock_mono_ms() - start_ms, 1000);
	cr_assert_lt(clock_mono_ms() - start_ms, 3000);
	cr_assert_not_null(strstr(creds.tried, "no answer within 1000 ms"), "%s", creds.tried);
	cr_assert_eq(fault.requests, 1);
}

Test(s3_creds_ask, an_instance_without_a_role_has_nothing)
{
	at_instance();
	fault.step[0] = OK("session-token");
	fault.step[1] = RAW("HTTP/1.1 404 Not Found\r\n\r\n<html>");
	want_failure("no credentials");
	cr_assert_not_null(strstr(creds.tried, "answers 404"), "%s", creds.tried);
}

Test(s3_creds_ask, somebody_else_at_that_address)
{
	at_instance();
	fault.step[0] = OK("<html>\n<title>Welcome</title>");
	want_failure("no credentials");
	cr_assert_not_null(strstr(creds.tried, "makes no sense"), "%s", creds.tried);
	cr_assert_eq(fault.requests, 1);
}

Test(s3_creds_ask, a_redirect_is_not_followed)
{
	at_instance();
	fault.step[0] = RAW("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n");
	want_failure("no credentials");
	cr_assert_eq(fault.requests, 1);
	cr_assert_not_null(strstr(creds.tried, "answers 302"), "%s", creds.tried);
}

Test(s3_creds_ask, an_answer_without_end_is_cut)
{
	static char raw[400000] = "HTTP/1.1 200 OK\r\n\r\n";

	memset(raw + strlen(raw), 'x', 350000);
	at_instance();
	fault.step[0] = RAW(raw);
	want_failure("no credentials");
	cr_assert_not_null(strstr(creds.tried, "longer than any"), "%s", creds.tried);
}

/* --- container ------------------------------------------------------------- */

Test(s3_creds_ask, a_container_gives_its_keys)
{
	set("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://%p/get?x=1");
	set("AWS_CONTAINER_AUTHORIZATION_TOKEN=Basic abc");
	fault.step[0] = OK(KEYS);
	want_session();
	cr_assert(asked(0, "GET /get?x=1 HTTP"));
	cr_assert(asked(0, "Authorization: Basic abc"));
}

Test(s3_creds_ask, the_container_s_token_may_stand_in_a_file)
{
	put_file("token", "from-file\n");
	set("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://%p/");
	set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=%h/token");
	set("AWS_CONTAINER_AUTHORIZATION_TOKEN=other");
	fault.step[0] = OK(KEYS);
	want_session();
	cr_assert(asked(0, "Authorization: from-file\r\n"));
}

Test(s3_creds_ask, a_container_s_failures_are_said)
{
	set("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://%p/get");
	fault.step[0] = fault.step[1] = RAW("HTTP/1.1 500 No\r\n\r\n");
	fault.step[2] = RAW("HTTP/1.1 403 No\r\n\r\n{\"code\":\"x\",\"message\":\"y\"}");
	want_failure("/get refuses (403)");
	cr_assert_eq(fault.requests, 3, "5xx is tried again, 403 is not");
}

Test(s3_creds_ask, a_container_s_garbage_is_said)
{
	set("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://%p/get");
	fault.step[0] = OK("{\"AccessKeyId\":\"sss\"}");
	want_failure("makes no sense: it holds no secret access key");
}

/* --- STS ------------------------------------------------------------------- */

static bool sent(const char *text)
{
	return strstr((const char *)fault.body, text) != NULL;
}

Test(s3_creds_ask, a_role_is_assumed_with_another_profile_s_keys)
{
	put_file(".aws/config",
		 "[profile dev]\nregion = eu-west-1\nrole_arn = arn:aws:iam::1:role/dev\n"
		 "source_profile = base\nexternal_id = e/x\nrole_session_name = me\n"
		 "duration_seconds = 900\n[profile base]\nregion = no\n");
	put_file(".aws/credentials", "[base]\naws_access_key_id = AKBASE\n"
				     "aws_secret_access_key = secret\n");
	set("AWS_PROFILE=dev");
	set("AWS_ENDPOINT_URL_STS=http://%p");
	fault.step[0] = OK(STS("AssumeRole"));
	want_session();
	cr_assert_str_eq(creds.source,
			 "role arn:aws:iam::1:role/dev by profile dev (key ASIA...EKEY)");
	cr_assert(asked(0, "POST / HTTP"));
	cr_assert(asked(0, "Credential=AKBASE/"));
	cr_assert(asked(0, "/eu-west-1/sts/aws4_request"));
	cr_assert(sent("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole"
		       "%2Fdev&RoleSessionName=me&ExternalId=e%2Fx&DurationSeconds=900"));
}

Test(s3_creds_ask, roles_lead_to_roles)
{
	put_file(".aws/config",
		 "[default]\nrole_arn = arn:1\nsource_profile = two\n"
		 "[profile two]\nrole_arn = arn:2\ncredential_source = Environment\n");
	set("AWS_ENDPOINT_URL=http://%p/base");
	set("AWS_ACCESS_KEY_ID=");
	set("AWS_SECRET_ACCESS_KEY=");
	want_failure("credential_source Environment has no credentials");
	put_file(".aws/config",
		 "[default]\nrole_arn = arn:1\nsource_profile = two\n"
		 "[profile two]\nrole_arn = arn:2\nsource_profile = three\n"
		 "[profile three]\naws_access_key_id=AK3\naws_secret_access_key=x\n");
	fault.step[0] = fault.step[1] = OK(STS("AssumeRole"));
	want_session();
	cr_assert(asked(0, "POST /base/ HTTP"));
	cr_assert(asked(0, "Credential=AK3/"));
	cr_assert(asked(1, "Credential=ASIAEXAMPLEKEY/"));
	cr_assert(asked(1, "X-Amz-Security-Token: ttt"));
	cr_assert(sent("RoleArn=arn%3A1&"));
}

Test(s3_creds_ask, a_circle_of_roles_ends)
{
	put_file(".aws/config", "[default]\nrole_arn = arn:1\nsource_profile = two\n"
				"[profile two]\nrole_arn = arn:2\nsource_profile = default\n");
	set("AWS_ENDPOINT_URL=http://%p");
	want_failure("in a circle");
	cr_assert_eq(fault.requests, 0);
}

Test(s3_creds_ask, a_profile_may_be_its_own_source)
{
	put_file(".aws/config", "[default]\nrole_arn = arn:1\nsource_profile = default\n"
				"aws_access_key_id=AKSELF\naws_secret_access_key=x\n");
	set("AWS_ENDPOINT_URL=http://%p");
	fault.step[0] = OK(STS("AssumeRole"));
	want_session();
	cr_assert(asked(0, "Credential=AKSELF/"));
}

Test(s3_creds_ask, a_source_profile_that_is_nowhere)
{
	put_file(".aws/config", "[default]\nrole_arn = arn:1\nsource_profile = gone\n");
	want_failure("source_profile of profile default: profile \"gone\" is neither in");
}

Test(s3_creds_ask, what_sts_says_is_passed_on)
{
	put_file(".aws/config", "[default]\nrole_arn = arn:1\nsource_profile = default\n"
				"aws_access_key_id=AKSELF\naws_secret_access_key=x\n");
	set("AWS_ENDPOINT_URL_STS=http://%p");
	fault.step[0] = RAW("HTTP/1.1 403 Forbidden\r\n\r\n<ErrorResponse><Error><Code>AccessDenied"
			    "</Code><Message>not yours\nat all</Message></Error></ErrorResponse>");
	want_failure("refuses (403 AccessDenied): not yours?at all");
}

/* An hour ahead: its Date counts for the signature, and for when the session ends. */
Test(s3_creds_ask, a_clock_that_is_wrong)
{
	char refusal[512];
	char answer[2048];
	char date[64];
	char before[DATE_COMPACT_BYTES], after[DATE_COMPACT_BYTES];
	time_t there = time(NULL) + 3600;

	put_file(".aws/config", "[default]\nrole_arn = arn:1\nsource_profile = default\n"
				"aws_access_key_id=AKSELF\naws_secret_access_key=x\n");
	set("AWS_ENDPOINT_URL_STS=http://%p");
	fault_date(there, date);
	snprintf(refusal, sizeof(refusal),
		 "HTTP/1.1 403 Forbidden\r\nDate: %s\r\n\r\n<ErrorResponse><Error><Code>"
		 "SignatureDoesNotMatch</Code></Error></ErrorResponse>",
		 date);
	snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nDate: %s\r\n\r\n%s", date,
		 STS("AssumeRole"));
	fault.step[0] = RAW(refusal);
	fault.step[1] = RAW(answer);
	cr_assert_eq(find(), 0, "%s", message);
	cr_assert_eq(fault.requests, 2);
	cr_assert_eq(date_format_compact(there, before), 0);
	cr_assert_eq(date_format_compact(time(NULL) + 3600, after), 0);
	before[11] = after[11] = '\0'; /* the day and the hour */
	cr_assert(asked(1, before) || asked(1, after), "%s\n%s", before, fault.request[1]);
	cr_assert_not(asked(0, before));
	cr_assert_leq(creds.expires_s, 2208988800 - 3595);
	cr_assert_geq(creds.expires_s, 2208988800 - 3605);
}

Test(s3_creds_ask, garbage_from_sts)
{
	put_file(".aws/config", "[default]\nrole_arn = arn:1\nsource_profile = default\n"
				"aws_access_key_id=AKSELF\naws_secret_access_key=x\n");
	set("AWS_ENDPOINT_URL_STS=http://%p");
	fault.step[0] = OK("<!DOCTYPE x [<!ENTITY e \"e\">]><x>&e;</x>");
	want_failure("makes no sense");
}

Test(s3_creds_ask, a_web_identity_is_exchanged)
{
	put_file("jwt", "ey.J.x\n");
	set("AWS_WEB_IDENTITY_TOKEN_FILE=%h/jwt");
	set("AWS_ROLE_ARN=arn:web");
	set("AWS_ROLE_SESSION_NAME=pod");
	set("AWS_ENDPOINT_URL_STS=http://%p");
	fault.step[0] = OK(STS("AssumeRoleWithWebIdentity"));
	want_session();
	cr_assert_not(asked(0, "Authorization"));
	cr_assert(sent("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aweb&"
		       "RoleSessionName=pod&WebIdentityToken=ey.J.x"));
}

Test(s3_creds_ask, a_web_identity_without_its_file)
{
	set("AWS_WEB_IDENTITY_TOKEN_FILE=%h/jwt");
	set("AWS_ROLE_ARN=arn:web");
	want_failure("jwt cannot be read: No such file");
}

/* --- SSO ------------------------------------------------------------------- */

static void at_portal(const char *config, const char *cache, const char *token)
{
	char path[128];

	for (const char *name = ".aws/sso\0.aws/sso/cache\0"; *name; name += strlen(name) + 1) {
		snprintf(path, sizeof(path), "%s/%s", home, name);
		mkdir(path, 0700);
	}
	put_file(".aws/config", config);
	if (cache)
		put_file(cache, token);
	set("AWS_ENDPOINT_URL_SSO=http://%p");
}

#define SSO_KEYS                                                                                \
	"{\"roleCredentials\":{\"accessKeyId\":\"ASIAEXAMPLEKEY\",\"secretAccessKey\":\"sss\"," \
	"\"sessionToken\":\"ttt\",\"expiration\":2208988800000}}"
#define SSO_CONFIG                                                                         \
	"[default]\nsso_session = corp\nsso_account_id = 123\nsso_role_name = Read Only\n" \
	"[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\n"             \
	"sso_region = eu-west-1\n"
/* SHA-1 of "corp", and of "https://old.awsapps.com/start" */
#define SSO_CACHE     ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json"
#define SSO_CACHE_OLD ".aws/sso/cache/33d5ca4bf3b1a62edb96b47f7c203034a43ac435.json"

Test(s3_creds_ask, an_sso_session_gives_a_role_s_keys)
{
	at_portal(SSO_CONFIG, SSO_CACHE,
		  "{\"accessToken\":\"acc\",\"expiresAt\":\"2040-01-01T00:00:00Z\"}");
	fault.step[0] = OK(SSO_KEYS);
	want_session();
	cr_assert(asked(0, "GET /federation/credentials?role_name=Read%20Only&account_id=123 "));
	cr_assert(asked(0, "x-amz-sso_bearer_token: acc"));
}

Test(s3_creds_ask, an_expired_login_asks_for_another)
{
	at_portal(SSO_CONFIG, SSO_CACHE,
		  "{\"accessToken\":\"acc\",\"expiresAt\":\"2020-01-01T00:00:00Z\"}");
	want_failure("the login has expired: run `aws sso login --profile default`");
	cr_assert_eq(fault.requests, 0);
}

Test(s3_creds_ask, no_login_asks_for_one)
{
	at_portal(SSO_CONFIG, NULL, NULL);
	want_failure("nobody has logged in: run `aws sso login --profile default`");
}

Test(s3_creds_ask, a_login_that_the_portal_refuses)
{
	at_portal(SSO_CONFIG, SSO_CACHE,
		  "{\"accessToken\":\"acc\",\"expiresAt\":\"2040-01-01T00:00:00Z\"}");
	fault.step[0] = RAW("HTTP/1.1 401 Unauthorized\r\n\r\n{}");
	want_failure("the login is no longer good: run `aws sso login");
}

Test(s3_creds_ask, the_older_form_of_sso)
{
	at_portal("[default]\nsso_start_url = https://old.awsapps.com/start\nsso_region = r\n"
		  "sso_account_id = 1\nsso_role_name = R\n",
		  SSO_CACHE_OLD,
		  "{\"accessToken\":\"acc\",\"expiresAt\":\"2040-01-01T00:00:00UTC\"}");
	fault.step[0] = OK(SSO_KEYS);
	want_session();
}

/* --- process --------------------------------------------------------------- */

Test(s3_creds_ask, a_process_prints_keys)
{
	put_file("keys",
		 "{\"Version\":1,\"AccessKeyId\":\"ASIAEXAMPLEKEY\",\"SecretAccessKey\":"
		 "\"sss\",\"SessionToken\":\"ttt\",\"Expiration\":\"2040-01-01T00:00:00Z\"}");
	put_file(".aws/config", "[default]\ncredential_process = sh -c 'env >$HOME/seen; cat "
				"\"$HOME/keys\"'\n");
	set("AWS_SESSION_TOKEN=hidden-one");
	set("AZURE_CLIENT_SECRET=hidden-two");
	set("AWS_WEB_IDENTITY_TOKEN_FILE=");
	want_session();
	char seen[256];
	snprintf(seen, sizeof(seen), "! grep -q hidden %s/seen && grep -q ^PATH= %s/seen", home,
		 home);
	cr_assert_eq(system(seen), 0, "a secret is in its environment");
}

Test(s3_creds_ask, a_process_that_fails_says_why)
{
	put_file(".aws/config",
		 "[default]\ncredential_process = echo sss; echo no vault >&2; exit 3\n");
	want_failure("profile default ended with status 3: no vault");
	cr_assert_null(strstr(message, "sss"));
}

Test(s3_creds_ask, a_process_that_prints_garbage)
{
	put_file(".aws/config", "[default]\ncredential_process = yes sss | head -c 200000\n");
	want_failure("makes no sense");
	cr_assert_null(strstr(message, "sss"));
}

Test(s3_creds_ask, a_process_is_ended_with_the_daemon)
{
	int64_t start_ms = clock_mono_ms();
	struct config *config = calloc(1, sizeof(*config));
	uint8_t id[WIRE_CTX_BYTES];
	struct context *ctx;

	put_file(".aws/config", "[default]\ncredential_process = sleep 50\n");
	set("HOME=%h");
	cr_assert_eq(context_register(env, env_bytes, &ctx, id), 0);
	cr_assert_eq(config_read(ctx, config, message, sizeof(message)), 0);
	cr_assert_eq(aws_creds_get(ctx, config, &creds, message, sizeof(message)), -EINPROGRESS);
	usleep(100000);
	keeper_stop();
	cr_assert_lt(clock_mono_ms() - start_ms, 10000);
	free(config);
}
