// SPDX-License-Identifier: Apache-2.0
/* Tokens of Microsoft Entra ID, against a server that answers well or badly. */
#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "azure/azure.h"
#include "azure/creds/creds.h"
#include "core/clock.h"
#include "tests/unit/creds_rig.h"
#include "tests/unit/fault_server.h"

#define RAW(text) ((struct fault_step){.kind = FAULT_RAW, .raw = (text)})
#define OK(body)  RAW("HTTP/1.1 200 OK\r\n\r\n" body)
#define TOKEN	  "{\"expires_in\":\"3599\",\"access_token\":\"ey.tok.en\"}"
#define NO_HEADER RAW("HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":\"invalid_request\"}")

static char home[] = "/tmp/skyshim-home-XXXXXX";
static char env[4096];
static size_t env_bytes;
static struct creds creds;
static char message[512];

static void setup(void)
{
	cr_assert_not_null(mkdtemp(home));
	setenv("PATH", home, 1); /* for az; the tools below are called by their paths */
	fault_start(0, "");
	rig_open();
}

static void teardown(void)
{
	char command[128];

	rig_close();
	fault_stop();
	context_free_all();
	snprintf(command, sizeof(command), "/bin/rm -rf %s", home);
	cr_assert_eq(system(command), 0);
}

TestSuite(azure_creds, .init = setup, .fini = teardown);

/* A variable; %p in it is the server's "127.0.0.1:PORT", %h a folder. */
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

static void put_file(const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", home, name);
	file = fopen(path, "we");
	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
	chmod(path, mode);
}

static int find(void)
{
	uint8_t id[WIRE_CTX_BYTES];
	struct context *ctx;
	int ret;

	cr_assert_eq(context_register(env, env_bytes, &ctx, id), 0);
	while ((ret = azure_creds_get(ctx, &creds, message, sizeof(message))) == -EINPROGRESS)
		cr_assert(rig_await(creds.entry));
	return ret;
}

static void want_token(const char *source)
{
	cr_assert_eq(find(), 0, "%s", message);
	cr_assert_str_eq(creds.token, "ey.tok.en");
	cr_assert_str_empty(creds.id);
	cr_assert_str_eq(creds.source, source);
	cr_assert_gt(creds.expires_s, clock_wall_s() + 3000);
	cr_assert_leq(creds.expires_s, clock_wall_s() + 3600);
	cr_assert_null(strstr(creds.tried, "ey.tok"));
	cr_assert_null(strstr(creds.tried, "hidden"));
}

static void want_failure(const char *said)
{
	cr_assert_eq(find(), -EACCES);
	cr_assert_not_null(strstr(message, said), "%s", message);
	cr_assert_null(strstr(message, "hidden"), "%s", message);
	cr_assert_null(strchr(message, '\n'));
	cr_assert_str_empty(creds.token);
}

static bool asked(unsigned number, const char *text)
{
	return strcasestr(fault.request[number], text) != NULL;
}

static bool sent(const char *text)
{
	return strstr((const char *)fault.body, text) != NULL;
}

static void as_application(void)
{
	set("AZURE_AUTHORITY_HOST=http://%p/");
	set("AZURE_TENANT_ID=my.tenant");
	set("AZURE_CLIENT_ID=my-client");
}

Test(azure_creds, an_application_proves_itself_by_its_secret)
{
	as_application();
	set("AZURE_CLIENT_SECRET=hidden/+&");
	fault.step[0] = OK(TOKEN);
	want_token("service principal by secret (client my-client)");
	cr_assert(asked(0, "POST /my.tenant/oauth2/v2.0/token HTTP"));
	cr_assert(asked(0, "Content-Type: application/x-www-form-urlencoded"));
	cr_assert(sent("client_id=my-client&grant_type=client_credentials&"
		       "scope=https%3A%2F%2Fstorage.azure.com%2F.default&"
		       "client_secret=hidden%2F%2B%26"));
}

Test(azure_creds, a_refusal_is_told_in_one_line_and_nobody_else_is_asked)
{
	as_application();
	set("AZURE_CLIENT_SECRET=hidden");
	set("IDENTITY_ENDPOINT=http://%p/msi");
	set("IDENTITY_HEADER=hidden");
	fault.step[0] = RAW("HTTP/1.1 401 Unauthorized\r\n\r\n{\"error\":\"invalid_client\","
			    "\"error_description\":\"AADSTS7000215: Invalid client secret.\\r\\n"
			    "Trace ID: 1\"}");
	want_failure("refuses (401): AADSTS7000215: Invalid client secret.");
	cr_assert_eq(fault.requests, 1);
}

Test(azure_creds, a_service_that_fails_is_asked_again)
{
	as_application();
	set("AZURE_CLIENT_SECRET=hidden");
	fault.step[0] = RAW("HTTP/1.1 503 Busy\r\n\r\n");
	fault.step[1] = (struct fault_step){.kind = FAULT_RESET};
	fault.step[2] = OK(TOKEN);
	want_token("service principal by secret (client my-client)");
}

Test(azure_creds, answers_that_make_no_sense)
{
	as_application();
	set("AZURE_CLIENT_SECRET=hidden");
	fault.step[0] = OK("{\"access_token\":\"hidden\\r\\nX: y\",\"expires_in\":1}");
	want_failure("makes no sense: it holds no token");
}

Test(azure_creds, an_authority_without_tls_gets_no_secret)
{
	set("AZURE_AUTHORITY_HOST=http://login.example");
	set("AZURE_TENANT_ID=t");
	set("AZURE_CLIENT_ID=c");
	set("AZURE_CLIENT_SECRET=hidden");
	want_failure("AZURE_AUTHORITY_HOST=http://login.example is none: write https://host");
}

Test(azure_creds, a_workload_s_token_file_is_exchanged)
{
	as_application();
	set("AZURE_FEDERATED_TOKEN_FILE=%h/federated");
	put_file("federated", "hidden.federated.token\n", 0600);
	fault.step[0] = OK(TOKEN);
	want_token("workload identity (client my-client)");
	cr_assert(sent("client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type"
		       "%3Ajwt-bearer&client_assertion=hidden.federated.token"));
	cr_assert_not_null(
		strstr(creds.tried, "service principal by secret\tno AZURE_CLIENT_SECRET"), "%s",
		creds.tried);
}

Test(azure_creds, a_workload_without_its_file)
{
	as_application();
	set("AZURE_FEDERATED_TOKEN_FILE=%h/none");
	want_failure("cannot be read: No such file");
}

/* --- certificates ---------------------------------------------------------- */

static void make_certificate(const char *more)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "cd %s && /usr/bin/openssl req -x509 -newkey rsa:2048 -subj /CN=x -keyout key.pem "
		 "-out cert.pem %s 2>/dev/null && /bin/cat key.pem cert.pem >both.pem",
		 home, more);
	cr_assert_eq(system(command), 0);
}

static size_t decode(const char *text, size_t len, unsigned char *out)
{
	char padded[2048];
	size_t pad = (4 - len % 4) % 4;

	cr_assert_lt(len + pad, sizeof(padded));
	memcpy(padded, text, len);
	memset(padded + len, '=', pad);
	for (size_t i = 0; i < len; i++)
		padded[i] = padded[i] == '-' ? '+' : padded[i] == '_' ? '/' : padded[i];
	return (size_t)EVP_DecodeBlock(out, (unsigned char *)padded, (int)(len + pad)) - pad;
}

static X509 *read_certificate(void)
{
	char path[256];
	FILE *file;
	X509 *certificate;

	snprintf(path, sizeof(path), "%s/cert.pem", home);
	file = fopen(path, "re");
	cr_assert_not_null(file);
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	cr_assert_not_null(certificate);
	return certificate;
}

/* What the service does: the thumbprint names the certificate, whose key has signed. */
static void want_signed(const char *jwt)
{
	X509 *certificate = read_certificate();
	size_t head = strcspn(jwt, ".");
	size_t all = head + 1 + strcspn(jwt + head + 1, ".");
	unsigned char print[EVP_MAX_MD_SIZE], signature[1024];
	unsigned print_bytes;
	char text[2048] = "", want[64];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t bytes = decode(jwt, head, (unsigned char *)text);

	text[bytes] = '\0';
	X509_digest(certificate, EVP_sha1(), print, &print_bytes);
	EVP_EncodeBlock((unsigned char *)want, print, (int)print_bytes);
	for (char *c = want; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c == '=' ? '\0' : *c;
	cr_assert_not_null(strstr(text, "\"alg\":\"RS256\""), "%s", text);
	cr_assert_not_null(strstr(text, want), "%s: %s", text, want);
	text[decode(jwt + head + 1, all - head - 1, (unsigned char *)text)] = '\0';
	cr_assert_not_null(strstr(text, "\"iss\":\"my-client\""), "%s", text);
	cr_assert_not_null(strstr(text, "\"sub\":\"my-client\""), "%s", text);
	cr_assert_not_null(strstr(text, "/my.tenant/oauth2/v2.0/token\""), "%s", text);
	bytes = decode(jwt + all + 1, strcspn(jwt + all + 1, "& "), signature);
	cr_assert_eq(
		EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, X509_get0_pubkey(certificate)),
		1);
	cr_assert_eq(EVP_DigestVerify(md, signature, bytes, (const unsigned char *)jwt, all), 1);
	EVP_MD_CTX_free(md);
	X509_free(certificate);
}

static void want_assertion(void)
{
	const char *jwt;

	fault.step[0] = OK(TOKEN);
	want_token("service principal by certificate (client my-client)");
	jwt = strstr((const char *)fault.body, "client_assertion=");
	cr_assert_not_null(jwt);
	want_signed(jwt + strlen("client_assertion="));
}

Test(azure_creds, an_application_proves_itself_by_its_certificate)
{
	as_application();
	set("AZURE_CLIENT_CERTIFICATE_PATH=%h/both.pem");
	make_certificate("-nodes");
	want_assertion();
}

Test(azure_creds, a_certificate_s_key_may_have_a_password)
{
	as_application();
	set("AZURE_CLIENT_CERTIFICATE_PATH=%h/both.pem");
	set("AZURE_CLIENT_CERTIFICATE_PASSWORD=hidden");
	make_certificate("-passout pass:hidden");
	want_assertion();
}

Test(azure_creds, a_certificate_without_its_key)
{
	as_application();
	set("AZURE_CLIENT_CERTIFICATE_PATH=%h/cert.pem");
	make_certificate("-nodes");
	want_failure("holds no private key");
}

/* --- managed identities ---------------------------------------------------- */

Test(azure_creds, app_service_gives_its_identity_s_token)
{
	set("IDENTITY_ENDPOINT=http://%p/msi/token");
	set("IDENTITY_HEADER=hidden");
	set("http_proxy=http://127.0.0.1:1"); /* not for this */
	fault.step[0] = OK(TOKEN);
	want_token("managed identity of App Service");
	cr_assert(asked(0, "GET /msi/token?api-version=2019-08-01&"
			   "resource=https%3A%2F%2Fstorage.azure.com%2F HTTP"));
	cr_assert(asked(0, "X-IDENTITY-HEADER: hidden"));
}

Test(azure_creds, a_machine_gives_its_identity_s_token)
{
	set("AZURE_POD_IDENTITY_AUTHORITY_HOST=http://%p");
	set("AZURE_CLIENT_ID=one");
	set("http_proxy=http://127.0.0.1:1");
	fault.step[0] = NO_HEADER;
	fault.step[1] = RAW("HTTP/1.1 410 Gone\r\n\r\n");
	fault.step[2] = OK(TOKEN);
	want_token("managed identity (client one)");
	cr_assert_not(asked(0, "Metadata: true"), "the probe is without it");
	cr_assert(asked(1, "GET /metadata/identity/oauth2/token?api-version=2018-02-01&"
			   "resource=https%3A%2F%2Fstorage.azure.com%2F&client_id=one HTTP"));
	cr_assert(asked(1, "Metadata: true"));
}

Test(azure_creds, where_no_service_answers_az_is_asked)
{
	set("AZURE_POD_IDENTITY_AUTHORITY_HOST=http://%p");
	set("AZURE_CLIENT_SECRET=hidden");
	fault.step[0] = (struct fault_step){.kind = FAULT_SILENCE};
	put_file("az",
		 "#!/bin/sh\n"
		 "[ \"$*\" = 'account get-access-token -o json --resource "
		 "https://storage.azure.com/' ] || exit 3\n"
		 "[ -z \"$AZURE_CLIENT_SECRET\" ] || exit 4\n"
		 "echo '{\"accessToken\":\"ey.tok.en\",\"expiresOn\":\"2001-01-01 00:00:00.0\",'\n"
		 "echo '\"expires_on\":'$(($(/bin/date +%s) + 3500))'}'\n",
		 0700);
	want_token("az login");
	cr_assert_eq(fault.requests, 1);
}

Test(azure_creds, nobody_is_logged_in)
{
	set("AZURE_POD_IDENTITY_AUTHORITY_HOST=http://%p");
	fault.step[0] = NO_HEADER;
	fault.step[1] = NO_HEADER;
	put_file("az", "#!/bin/sh\necho 'ERROR: Please run az login' >&2\nexit 1\n", 0700);
	want_failure(AZURE_CREDS_NOTHING);
	cr_assert_not_null(strstr(creds.tried, "no identity is assigned\n"), "%s", creds.tried);
	cr_assert_not_null(strstr(creds.tried, "Please run az login\n"), "%s", creds.tried);
}

Test(azure_creds, az_is_not_installed)
{
	set("AZURE_POD_IDENTITY_AUTHORITY_HOST=http://%p");
	fault.step[0] = (struct fault_step){.kind = FAULT_RESET};
	want_failure(AZURE_CREDS_NOTHING);
	cr_assert_not_null(strstr(creds.tried, "az is not installed\n"), "%s", creds.tried);
}

/* --- with a call ----------------------------------------------------------- */

static int locate(struct store_site *site)
{
	struct store_call call = {.verb = STORE_HEAD, .scheme = "az", .bucket = "acct/c"};
	uint8_t id[WIRE_CTX_BYTES];
	int ret;

	cr_assert_eq(context_register(env, env_bytes, &call.ctx, id), 0);
	while ((ret = azure_site_locate(&call, NULL, site, &creds, message)) == -EINPROGRESS)
		cr_assert(rig_await(creds.entry));
	return ret;
}

Test(azure_creds, a_token_is_asked_for_where_there_is_no_key)
{
	static struct store_site site;

	as_application();
	set("AZURE_CLIENT_SECRET=hidden");
	fault.step[0] = OK(TOKEN);
	cr_assert_eq(locate(&site), 0, "%s", message);
	cr_assert_str_eq(site.origin, "https://acct.blob.core.windows.net");
	cr_assert_str_eq(site.credentials, "service principal by secret (client my-client)");
	cr_assert_str_eq(creds.token, "ey.tok.en");
	cr_assert_not_null(creds.entry);
	set("AZURE_STORAGE_ACCOUNT=acct");
	set("AZURE_STORAGE_KEY=AAAA");
	cr_assert_eq(locate(&site), 0, "%s", message);
	cr_assert_str_eq(creds.source, "account acct (account key)");
	cr_assert_eq(fault.requests, 1);
}

Test(azure_creds, a_token_does_not_go_over_plain_http)
{
	static struct store_site site;

	as_application();
	set("AZURE_CLIENT_SECRET=hidden");
	set("AZURE_STORAGE_SERVICE_ENDPOINT=http://acct.example");
	cr_assert_eq(locate(&site), -EACCES);
	cr_assert_not_null(strstr(message, "not sent over plain http"), "%s", message);
	cr_assert_not_null(strstr(message, "AZURE_STORAGE_SERVICE_ENDPOINT"), "%s", message);
	cr_assert_eq(fault.requests, 0);
}

Test(azure_creds, what_was_found_nowhere_is_said_with_what_to_set)
{
	static struct store_site site;

	set("AZURE_POD_IDENTITY_AUTHORITY_HOST=http://%p");
	fault.step[0] = (struct fault_step){.kind = FAULT_RESET};
	cr_assert_eq(locate(&site), -EACCES);
	cr_assert_not_null(strstr(message, "AZURE_STORAGE_ACCOUNT=acct"), "%s", message);
	cr_assert_not_null(strstr(message, AZURE_CREDS_NOTHING), "%s", message);
}
